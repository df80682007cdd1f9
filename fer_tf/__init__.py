"""Facial expression recognition, as a study that anyone can rerun."""

__version__ = "0.1.0"

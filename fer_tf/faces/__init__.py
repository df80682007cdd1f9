"""Faces in photographs, clips and before a camera: found, cropped, followed, and their emotion named."""

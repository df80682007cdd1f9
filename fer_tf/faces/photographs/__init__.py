"""Photographs: read from any kind of file, every face found and its emotion named, and drawn into a copy.

image = photographs.read("party.jpg")
faces = photographs.analyze(image, detection.load(), models.load_predictor())
photographs.write(photographs.draw(image, faces, emotions.FER2013), "party_emotions.jpg")
"""

# ruff: noqa: F401 (what is imported here is the interface)

from fer_tf.faces.photographs.analysis import Expression, analyze, check_limits, classify, find_faces, retained
from fer_tf.faces.photographs.annotation import draw
from fer_tf.faces.photographs.files import SUFFIXES, find, read, write, written_as

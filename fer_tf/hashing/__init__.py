"""Hashes of values and of files (`values`), and of what code does (`code`)."""

# ruff: noqa: F401 (what is imported here is the interface)

from fer_tf.hashing.code import PACKAGE, behavior, code_beside, code_digest, code_reached, files_of, names_in
from fer_tf.hashing.values import content_digest, digest, file_digest

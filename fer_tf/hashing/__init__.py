"""Hashes of values and of files (`values`), and of what code does (`code`)."""

from fer_tf.hashing.code import behavior, code_digest, code_reached, files_of
from fer_tf.hashing.values import digest, file_digest

__all__ = ["behavior", "code_digest", "code_reached", "digest", "file_digest", "files_of"]

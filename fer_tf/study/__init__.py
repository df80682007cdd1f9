"""Studies: a run's folder and provenance, executing a notebook, the report, tables for papers, release of a network."""

# ruff: noqa: F401 (what is imported here is the interface)

from fer_tf.study.runs import Predictions, Run, open_run, start

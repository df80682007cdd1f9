"""Studies: a run's folder and provenance, executing a notebook, the report, tables for papers, release of a network."""

from fer_tf.study.runs import Predictions, Run, open_run, start

__all__ = ["Predictions", "Run", "open_run", "start"]

"""Studies: a run's folder and provenance, executing a notebook, the report, tables for papers, release of a network."""

"""ECAML, energy confused metric learning (arXiv 1901.07169): a metric out of named categories."""

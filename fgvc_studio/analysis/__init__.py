"""Numbers on embeddings: neighbours, projections, groups, metrics, intervals."""

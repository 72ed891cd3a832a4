"""CMD, cross-level multi-instance distillation (arXiv 2401.08860): embeddings without labels."""

"""ST-ProtoPNet, support and trivial prototypes (arXiv 2301.04011): evidence by image patches."""

"""Cr-KD, class-relation knowledge distillation (arXiv 2307.09158): clusters of unnamed classes."""

"""Pixels: safe decoding, transforms, backbones, runtimes, embedding extraction."""

"""FGVC Studio: name look-alike photos, find unnamed classes, audit the classifier."""

__version__ = "0.1.0"

"""A sample data set of invented moths, drawn from a seed: numpy, Pillow and the domain only."""

from fgvc_studio.sample.dataset import SampleInfo, generate
from fgvc_studio.sample.species import GENERA, SPECIES

__all__ = ["GENERA", "SPECIES", "SampleInfo", "generate"]

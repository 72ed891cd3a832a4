"""A sample data set of invented moths, drawn from a seed: numpy, Pillow and the domain only."""

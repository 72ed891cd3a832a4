"""The methods that learn from a project's items, and the training machinery they share."""

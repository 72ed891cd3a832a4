"""Qt item models over item ids."""

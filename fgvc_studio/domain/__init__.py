"""What the program talks about: frozen records, ids, events, errors. Standard library and numpy."""

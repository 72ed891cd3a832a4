<<<<<<< HEAD
"""The nouns of the program: frozen records, ids, events, errors (standard library, numpy)."""
=======
"""What the program talks about: frozen records, ids, events, errors. Standard library and numpy."""
>>>>>>> room-storetests

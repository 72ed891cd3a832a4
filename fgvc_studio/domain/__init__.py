"""The nouns of the program: frozen records, ids, events, errors (standard library, numpy)."""

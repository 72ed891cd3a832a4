"""Use cases over the rooms below. No Qt, no SQL, no torch at import."""

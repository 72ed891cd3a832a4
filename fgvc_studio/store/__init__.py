"""The project folder: SQLite through apsw, arrays on disk, the operation log."""

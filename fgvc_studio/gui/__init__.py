"""The desktop window over the services (PySide6)."""

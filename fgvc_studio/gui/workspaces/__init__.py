"""The workspaces of the main window."""

"""Errors are the world's (a sentence and a remedy) or ours (a bug, any other exception)."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can mend; shown as a sentence and a remedy, exit code 1.

    Parameters
    ----------
    what : str
        What went wrong, one sentence in the user's words.
    remedy : str
        What the user can do about it, one sentence; may be empty.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}".strip()


class ProjectLockedError(UserError):
    """Another process writes to this project."""


class ProjectTooNewError(UserError):
    """The project was written by a newer major format."""


class ConflictError(UserError):
    """An operation cannot be reversed because later decisions touched the same rows."""


class Cancelled(Exception):
    """The user stopped a job; nothing is lost. An outcome, not a fault."""

"""The words for the parts of a filter, shared by chips and menu."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from fgvc_studio.domain.records import LabelSource, Split


def _tr(text: str) -> str:
    return QCoreApplication.translate("Filter", text)


def states() -> dict[str, str]:
    """State -> its name."""
    return {
        "labelled": _tr("Labelled"),
        "unlabelled": _tr("Unlabelled"),
        "reviewed": _tr("Reviewed"),
        "unreviewed": _tr("Not reviewed"),
        "uncertain": _tr("Uncertain (cf.)"),
        "flagged": _tr("Flagged"),
    }


def sources() -> dict[LabelSource, str]:
    """Source of a label -> its name."""
    return {
        LabelSource.HUMAN: _tr("By a human"),
        LabelSource.MODEL: _tr("By the model"),
        LabelSource.IMPORT: _tr("Imported"),
        LabelSource.CLUSTER: _tr("By cluster"),
    }


def splits() -> dict[Split, str]:
    """Split -> its name."""
    return {
        Split.TRAIN: _tr("Train"),
        Split.VAL: _tr("Validation"),
        Split.TEST: _tr("Test"),
        Split.NONE: _tr("No split"),
    }


def duplicates() -> dict[str, str]:
    """Treatment of duplicates -> its name."""
    return {"hide": _tr("Hide duplicates"), "only": _tr("Only duplicates")}


def chosen_items(name: str, count: int) -> str:
    """The name of a set of items, with how many they are."""
    return f"{name or _tr('Chosen items')} ({count:,})"


def clear_all() -> str:
    """The button that removes all filters."""
    return _tr("Clear all")


def remove(text: str) -> str:
    """What a chip's button does, for assistive technology."""
    return _tr("Remove filter: {text}").format(text=text)

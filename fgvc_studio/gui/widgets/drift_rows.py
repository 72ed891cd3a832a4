"""The lines of the drift report's tables, in words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QCoreApplication

from fgvc_studio.gui.widgets.drift_tables import ReportTable, Row
from fgvc_studio.services.drift_report import (
    CategoryChange,
    Disagreement,
    DriftReport,
    PairChange,
    Trouble,
)

Name = Callable[[int], str]
ITEMS = 200


def _tr(text: str) -> str:
    return QCoreApplication.translate("drift", text)


def make_tables() -> dict[str, ReportTable]:
    """Empty tables by key, in the order of their tabs."""
    category, items = _tr("Category"), _tr("Items")
    before, after, change = _tr("Before"), _tr("After"), _tr("Change (95 %)")
    changes = (category, items, before, after, change)
    pairs = (_tr("Categories"), before, after, _tr("Change"))
    own = _tr("part of an item's nearest labelled items that share its category")
    return {
        "worse": ReportTable(_tr("Worse"), _tr("Categories that lost: {0}.").format(own), changes),
        "better": ReportTable(
            _tr("Better"), _tr("Categories that gained: {0}.").format(own), changes
        ),
        "collapsed": ReportTable(
            _tr("Collapsed"),
            _tr("Pairs that became more alike (0: the same, 1: wholly apart)."),
            pairs,
        ),
        "apart": ReportTable(
            _tr("Pulled apart"),
            _tr("Pairs that became more different (0: the same, 1: wholly apart)."),
            pairs,
        ),
        "trouble": ReportTable(
            _tr("Merge?"),
            _tr(
                "Pairs that the new space hardly tells apart: one category under two names, or "
                "labels that went wrong. By chance: how likely so small a distance is when both "
                "are one."
            ),
            (_tr("Categories"), _tr("Distance"), _tr("By chance")),
        ),
        "labels": ReportTable(
            _tr("Labels"),
            _tr("Labelled items whose neighbours in the new space are of another category."),
            (_tr("Label"), _tr("Neighbours say"), _tr("Item"), _tr("Vote")),
        ),
        "moved": ReportTable(
            _tr("Moved"),
            _tr("Items that moved most on the map, in parts of its radius."),
            (_tr("Category"), _tr("Item"), _tr("Way")),
        ),
        "company": ReportTable(
            _tr("Company"),
            _tr("Items that kept the fewest of their nearest items (Jaccard overlap)."),
            (_tr("Category"), _tr("Item"), _tr("of 20"), _tr("of 10")),
        ),
    }


def rows_of(report: DriftReport, name: Name, of_item: Name) -> dict[str, list[Row]]:
    """The lines of every table; may be called outside the GUI thread.

    Parameters
    ----------
    name : callable
        Category id -> its name.
    of_item : callable
        Item id -> the name of its category, empty for none.
    """
    moved = report.moved_most(ITEMS)
    ways = report.moved[np.searchsorted(report.item_ids, moved)]
    changed = np.searchsorted(report.compared, report.changed_most(ITEMS))
    return {
        "worse": [_change(c, name) for c in report.worse],
        "better": [_change(c, name) for c in report.better],
        "collapsed": [_pair(p, name) for p in report.collapsed[:ITEMS]],
        "apart": [_pair(p, name) for p in report.pulled_apart[:ITEMS]],
        "trouble": [_trouble(t, name) for t in report.trouble],
        "labels": [_disagreement(d, name) for d in report.disagreements],
        "moved": [
            _item(item, of_item, way)
            for item, way in zip(moved.tolist(), ways.tolist(), strict=True)
        ],
        "company": [
            _item(
                int(report.compared[row]),
                of_item,
                float(report.kept_far[row]),
                float(report.kept_near[row]),
            )
            for row in changed
        ],
    }


def _trouble(t: Trouble, name: Name) -> Row:
    both, tested = _both(t.first, t.second, name), not np.isnan(t.probability)
    return Row(
        (both, f"{t.coefficient:.3f}", f"{t.probability:.2f}" if tested else ""),
        (both, t.coefficient, t.probability if tested else -1.0),
        (t.first, t.second),
        tone=-1 if tested and t.probability > 0.05 else 0,
    )


def _disagreement(d: Disagreement, name: Name) -> Row:
    label, voted = name(d.category_id), name(d.voted)
    return Row(
        (label, voted, str(d.item_id), f"{d.share:.2f}"),
        (label, voted, d.item_id, d.share),
        (d.category_id, d.voted),
        np.array([d.item_id]),
    )


def _change(c: CategoryChange, name: Name) -> Row:
    told = f"{c.difference:+.2f} ({c.low:+.2f}, {c.high:+.2f})"
    tone = int(np.sign(c.difference)) if c.certain else 0
    cells = (name(c.category_id), f"{c.items:,}", f"{c.before:.2f}", f"{c.after:.2f}", told)
    keys = (name(c.category_id), c.items, c.before, c.after, c.difference)
    return Row(cells, keys, (c.category_id,), tone=tone)


def _pair(p: PairChange, name: Name) -> Row:
    both = _both(p.first, p.second, name)
    cells = (both, f"{p.before:.2f}", f"{p.after:.2f}", f"{p.difference:+.2f}")
    keys = (both, p.before, p.after, p.difference)
    return Row(cells, keys, (p.first, p.second), tone=1 if p.difference > 0 else -1)


def _both(first: int, second: int, name: Name) -> str:
    return f"{name(first)}  \N{MIDDLE DOT}  {name(second)}"


def _item(item: int, of_item: Name, *values: float) -> Row:
    text = of_item(item) or _tr("no label")
    return Row(
        (text, str(item), *(f"{v:.2f}" for v in values)),
        (text, item, *values),
        items=np.array([item]),
    )

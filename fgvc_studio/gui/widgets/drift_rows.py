"""The lines of the drift report's tables, in words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QCoreApplication

from fgvc_studio.gui.widgets.drift_tables import ReportTable, Row
from fgvc_studio.services.drift import CategoryChange, DriftReport, PairChange

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


def fill(tables: dict[str, ReportTable], report: DriftReport, name: Name, of_item: Name) -> None:
    """Put a report into the tables.

    Parameters
    ----------
    name : callable
        Category id -> its name.
    of_item : callable
        Item id -> the name of its category, empty for none.
    """
    tables["worse"].set_rows([_change(c, name) for c in report.worse])
    tables["better"].set_rows([_change(c, name) for c in report.better])
    tables["collapsed"].set_rows([_pair(p, name) for p in report.collapsed[:ITEMS]])
    tables["apart"].set_rows([_pair(p, name) for p in report.pulled_apart[:ITEMS]])
    tables["trouble"].set_rows(
        [
            Row(
                (
                    _both(t.first, t.second, name),
                    f"{t.coefficient:.3f}",
                    "" if np.isnan(t.probability) else f"{t.probability:.2f}",
                ),
                (_both(t.first, t.second, name), t.coefficient, np.nan_to_num(t.probability)),
                (t.first, t.second),
                tone=-1 if t.probability > 0.05 else 0,
            )
            for t in report.trouble
        ]
    )
    tables["labels"].set_rows(
        [
            Row(
                (name(d.category_id), name(d.voted), str(d.item_id), f"{d.share:.2f}"),
                (name(d.category_id), name(d.voted), d.item_id, d.share),
                (d.category_id, d.voted),
                np.array([d.item_id]),
            )
            for d in report.disagreements
        ]
    )
    place = {int(i): n for n, i in enumerate(report.item_ids.tolist())}
    tables["moved"].set_rows(
        [
            _item(i, of_item, float(report.moved[place[i]]))
            for i in report.moved_most(ITEMS).tolist()
        ]
    )
    rows = np.searchsorted(report.compared, report.changed_most(ITEMS))
    tables["company"].set_rows(
        [
            _item(
                int(report.compared[row]),
                of_item,
                float(report.kept_far[row]),
                float(report.kept_near[row]),
            )
            for row in rows
        ]
    )


def _change(c: CategoryChange, name: Name) -> Row:
    told = f"{c.difference:+.2f} ({c.low:+.2f} .. {c.high:+.2f})"
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

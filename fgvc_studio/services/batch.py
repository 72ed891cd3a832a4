"""Decisions in bulk from names and files: what scripts and colleagues hand over."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.records import LabelSource, NameKind

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

PATH_MARK = ">"
_LIST = "All that there are: fgvc-studio categories list PROJECT."


def split_path(text: str) -> list[str]:
    """``Genus > species`` as names from the root down."""
    return [" ".join(part.split()) for part in text.split(PATH_MARK) if part.strip()]


def find_category(studio: Studio, text: str) -> int | None:
    """The category that `text` names: an id, a path, a name or a synonym; None if there is none.

    Raises
    ------
    UserError
        Several categories carry the name.
    """
    catalogue = studio.catalogue
    if text.strip().isdecimal() and int(text) in catalogue.categories:
        return int(text)
    names = split_path(text)
    if not names:
        raise UserError("A category needs a name.", "Type a name.")
    if len(names) > 1:
        at: int | None = None
        for name in names:
            at = studio.labelling.child(at, name)
            if at is None:
                return None
        return at
    wanted = names[0].casefold()
    exact = [c.id for c in catalogue.categories.values() if c.name.casefold() == wanted]
    if not exact:
        exact = [
            c.id
            for c in catalogue.categories.values()
            if any(n.name.casefold() == wanted for n in c.names)
        ]
    if len(exact) > 1:
        paths = "; ".join(catalogue.path_name(c) for c in exact[:5])
        raise UserError(f"{names[0]} names several categories: {paths}.", "Give the whole path.")
    return exact[0] if exact else None


def category_named(studio: Studio, text: str, *, create: bool, rank: str = "") -> int:
    """The category that `text` names, made when missing and `create`.

    Raises
    ------
    UserError
        There is none and it may not be made.
    """
    found = find_category(studio, text)
    if found is not None:
        return found
    if not create:
        near = studio.labelling.search_categories(text, 3)
        hint = f"Did you mean {', '.join(m.shown for m in near)}?" if near else _LIST
        raise UserError(f"There is no category {text}.", hint)
    names = split_path(text)
    return studio.labelling.category_by_path(names, [""] * (len(names) - 1) + [rank])


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV/TSV with lower-case column names.

    Raises
    ------
    UserError
        Not readable as a table.
    """
    return [row for _, row in _numbered(path)]


def _numbered(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Rows of `read_table`, each with the number of the line on which it ends."""
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", "Check the name.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path.name} is not UTF-8 text.", "Save it as UTF-8 CSV.") from error
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    if not rows.fieldnames:
        raise UserError(f"{path.name} is empty.", "It needs a header line and rows.")
    try:
        return [
            (
                rows.line_num,
                {
                    str(k).strip().lower(): (v or "").strip()
                    for k, v in row.items()
                    if k is not None
                },
            )
            for row in rows
        ]
    except csv.Error as error:
        raise UserError(
            f"Line {rows.line_num} of {path.name} cannot be read ({error}).", "Mend the line."
        ) from error


def _column(rows: list[dict[str, str]], names: Iterable[str], path: Path) -> str:
    wanted = list(names)
    for name in wanted:
        if rows and name in rows[0]:
            return name
    raise UserError(
        f"{path.name} has no column {' or '.join(wanted)}.", "Name the column in the header line."
    )


def label_from_table(
    studio: Studio, path: Path, source: LabelSource, existing_only: bool
) -> tuple[OpChanges | None, str]:
    """Label items from a CSV with columns item (or path) and category.

    Raises
    ------
    UserError
        Missing columns or an unknown item; then nothing is written.
    """
    numbered = [(line, r) for line, r in _numbered(path) if any(r.values())]
    if not numbered:
        return None, f"{path.name} has no rows"
    rows = [r for _, r in numbered]
    item_column = _column(rows, ("item", "item_id", "id", "path", "image"), path)
    category_column = _column(rows, ("category", "label", "species", "fine", "class"), path)
    lines = [line for line, r in numbered if r[category_column]]
    rows = [r for r in rows if r[category_column]]
    keys = [r[item_column] for r in rows]
    if item_column in ("path", "image"):
        found = studio.store.images.items_of_paths(keys)
    else:
        found = {k: int(k) for k in keys if k.isdecimal() and 1 <= int(k) <= studio.catalogue.n}
    for line, key in zip(lines, keys, strict=True):
        if key not in found:
            raise UserError(
                f"Line {line} of {path.name}: {key} is no item of this project.",
                "Nothing was written; mend the line or import the image first.",
            )
    names = sorted({r[category_column] for r in rows})
    for name in names:  # an ambiguous one must be found before the first new one is made
        find_category(studio, name)
    ids = {n: category_named(studio, n, create=not existing_only) for n in names}
    items = np.array([found[k] for k in keys], np.int64)
    categories = np.array([ids[r[category_column]] for r in rows], np.int64)
    _, last = np.unique(items[::-1], return_index=True)  # a later line wins
    keep = len(items) - 1 - last
    summary = f"Labelled {len(keep):,} items from {path.name}"
    changes = studio.labelling.label_each(
        items[keep], categories[keep], source=source, summary=summary
    )
    return changes, summary if changes else "Nothing changed"


@dataclass
class ChecklistReport:
    """What a checklist brought."""

    added: int = 0
    synonyms: int = 0
    vernacular: int = 0
    unchanged: int = 0
    warnings: list[str] = field(default_factory=list)


def import_checklist(studio: Studio, path: Path) -> ChecklistReport:
    """Take in a checklist table; one operation.

    Columns: ``name``, ``parent``, ``rank``, ``authorship``, ``synonym_of``, ``vernacular``
    (several separated by ``|``); only ``name`` is needed.

    Raises
    ------
    UserError
        No usable rows.
    """
    rows = read_table(path)
    name_column = _column(rows, ("name", "scientific_name", "scientificname", "species"), path)
    report = ChecklistReport()
    store = studio.store
    known = {c.name.casefold(): c.id for c in studio.catalogue.categories.values()}
    names = {
        (c.id, n.name.casefold()) for c in studio.catalogue.categories.values() for n in c.names
    }
    rows = [r for r in rows if r[name_column]]
    accepted = [r for r in rows if not r.get("synonym_of")]
    listed = {r[name_column].casefold() for r in accepted}
    with store.operations.record("categories", "", who=studio.who) as recording:
        todo = accepted
        while todo:
            later = []
            for row in todo:
                name, parent = row[name_column], row.get("parent", "")
                if name.casefold() in known:
                    report.unchanged += 1
                elif parent and parent.casefold() not in known and parent.casefold() in listed:
                    later.append(row)
                    continue
                else:
                    if parent and parent.casefold() not in known:
                        known[parent.casefold()] = store.categories.add(parent)
                        report.added += 1
                    known[name.casefold()] = store.categories.add(
                        name,
                        known.get(parent.casefold()) if parent else None,
                        rank=row.get("rank", ""),
                        authorship=row.get("authorship", ""),
                    )
                    report.added += 1
                category_id = known[name.casefold()]
                for word in filter(None, map(str.strip, row.get("vernacular", "").split("|"))):
                    if (category_id, word.casefold()) not in names:
                        store.categories.add_name(
                            category_id, word, NameKind.VERNACULAR, row.get("language", "")
                        )
                        names.add((category_id, word.casefold()))
                        report.vernacular += 1
            if len(later) == len(todo):
                report.warnings.append(
                    f"{len(later)} rows name each other as parents and were left out, e.g. "
                    f"{later[0][name_column]}."
                )
                break
            todo = later
        for row in rows:
            target = row.get("synonym_of", "")
            if not target:
                continue
            found = known.get(target.casefold())
            if found is None:
                report.warnings.append(f"{row[name_column]}: {target} is not in the list.")
            elif (found, row[name_column].casefold()) not in names:
                store.categories.add_name(found, row[name_column], NameKind.SYNONYM)
                names.add((found, row[name_column].casefold()))
                report.synonyms += 1
        recording.summary = (
            f"Imported checklist {path.name}: {report.added:,} categories, "
            f"{report.synonyms + report.vernacular:,} further names"
        )
    if recording.changes is not None:
        studio.bus.publish(recording.changes)
    return report

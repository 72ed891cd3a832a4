"""What the activations say of each prototype: best patches, suspicion, relevance, purity."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Generator
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import localisation, prototype_metrics
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress, Split
from fgvc_studio.services import prototypes_object
from fgvc_studio.services.prototypes_cache import Activations
from fgvc_studio.services.prototypes_open import Frame, Opened
from fgvc_studio.services.prototypes_truth import Truths, coverage, points_of, truth_stamp
from fgvc_studio.store.arrays import write_atomic

if TYPE_CHECKING:
    from fgvc_studio.methods.st_protopnet.bundle import Bundle

FILE = "measures.npz"
FORMAT = 4
"""Changes when the measures mean something else; earlier ones are not read."""
TOP = 10
BOX = 72 / 224
"""Side of the box around a peak in which a key point counts as hit, in parts of the input."""
DETAIL = 8
"""Pixels per cell of the enlarged maps that regions are found in."""
_REPORT_EVERY = 25

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Measures:
    """One entry per prototype (2P,); NaN where not known.

    Attributes
    ----------
    stamp : str
        Of what they were computed from.
    top : ndarray (2P, 10) int64
        Rows of the best items, -1 where there are fewer.
    top_labelled : ndarray (2P, 10) int64
        The same among labelled items that are not of the split ``test``.
    boxes : ndarray (2P, 4)
        Region of the source: top, bottom, left, right in parts of the model's input.
    outside, tied, border, disparate, relevance : ndarray (2P,)
        The first of the peaks in the source and the best patches; the second see `tied`.
    part_purity : ndarray (2P,)
        Share of the best patches that hold the commonest key point.
    usage : ndarray (2P,) int64
    estimated : ndarray () bool
        Whether the object is a guess.
    """

    stamp: str
    top: Ints
    top_labelled: Ints
    boxes: Floats
    outside: Floats
    tied: Floats
    border: Floats
    disparate: Floats
    relevance: Floats
    part_purity: Floats
    usage: Ints
    estimated: NDArray[np.bool_]


def stamp(opened: Opened, found: Activations) -> str:
    """Of model, items compared, labels, splits, and what is known of the objects."""
    columns = opened.studio.catalogue.columns
    made = hashlib.sha256(f"{FORMAT} {opened.bundle.model}".encode())
    for part in (found.state, columns.category, columns.split, columns.duplicate_of):
        made.update(np.ascontiguousarray(part).tobytes())
    made.update(truth_stamp(opened.studio).encode())
    return made.hexdigest()


def load(opened: Opened) -> Measures | None:
    """The last measures of a run, fresh or not; None when there are none of this `FORMAT`."""
    try:
        with np.load(opened.folder / "activations" / FILE, allow_pickle=False) as kept:
            if int(kept["format"]) != FORMAT:
                return None
            values: dict[str, Any] = {f.name: kept[f.name] for f in fields(Measures)}
    except (OSError, ValueError, KeyError):
        return None
    values["stamp"] = str(values["stamp"])
    return Measures(**values) if len(values["usage"]) == opened.bundle.count else None


def measure(opened: Opened) -> Generator[Progress, None, Measures]:
    """Measure all prototypes, unless nothing has changed since; kept beside the activations."""
    found = opened.ready()
    wanted = stamp(opened, found)
    before = load(opened)
    if before is not None and before.stamp == wanted:
        return before
    yield Progress(0, 0, "Finding the best patches")
    work = _Work(opened, found)
    work.retrieve()
    yield Progress(0, 0, "Weighing the prototypes")
    relevance, usage = relevance_of(opened.bundle, found, found.rows)
    yield from work.look()
    made = Measures(
        wanted,
        work.top,
        work.top_labelled,
        work.boxes,
        work.outside(),
        tied(opened, found),
        work.border(),
        work.disparate(),
        relevance,
        work.part_purity(),
        usage,
        np.array(not work.known),
    )
    buffer = io.BytesIO()
    values = {f.name: getattr(made, f.name) for f in fields(Measures)}
    np.savez(buffer, format=np.array(FORMAT), **values)
    try:
        write_atomic(opened.folder / "activations" / FILE, buffer.getvalue())
    except OSError as error:
        raise UserError(
            f"What was measured of {opened.name} cannot be written: {error.strerror}.",
            "Check the rights of the project folder and the space on its disk.",
        ) from error
    return made


def relevance_of(bundle: Bundle, found: Activations, rows: Ints) -> tuple[Floats, Ints]:
    """Mean score x weight on items predicted as its category, and `Prototype.usage`; (2P,) each."""
    relevance, usage = np.zeros(bundle.count), np.zeros(bundle.count, np.int64)
    predicted = predictions(bundle, found, rows)
    k = bundle.per_class
    for c in range(len(bundle.category_ids)):
        mine = rows[predicted == c]
        if not len(mine):
            continue
        for first in (c * k, bundle.count // 2 + c * k):
            own = slice(first, first + k)
            products = found.scores[mine][:, own] * bundle.weights[c, own]
            relevance[own] = products.mean(0)
            usage[own] = np.bincount(products.argmax(1), minlength=k)
    return relevance, usage


def tied(opened: Opened, found: Activations) -> Floats:
    """How much stronger each fires on labelled items of its category than on others, (2P,), 0 .. 1.

    Mean scores, that is cosines; items of the split ``test`` are left out. NaN without labels of
    its category or of others.
    """
    columns, bundle = opened.studio.catalogue.columns, opened.bundle
    rows = found.rows[found.rows < opened.studio.catalogue.n]
    rows = rows[(columns.category[rows] > 0) & (columns.split[rows] != Split.TEST)]
    sums = np.zeros((len(bundle.category_ids) + 1, bundle.count))
    classes = bundle.class_of(columns.category[rows].astype(np.int64))
    for at in range(0, len(rows), 4096):
        np.add.at(sums, classes[at : at + 4096], found.scores[rows[at : at + 4096]])  # -1: the last
    counts = np.bincount(np.where(classes < 0, len(sums) - 1, classes), minlength=len(sums))
    every = np.arange(bundle.count)
    own, many = sums[bundle.classes, every], counts[bundle.classes]
    others, rest = sums.sum(0) - own, counts.sum() - many
    known = (many > 0) & (rest > 0)
    gap = own / np.maximum(many, 1) - others / np.maximum(rest, 1)
    return np.where(known, np.clip(gap, 0, 1), np.nan)


def predictions(bundle: Bundle, found: Activations, rows: Ints) -> Ints:
    """Predicted class of some rows, nothing switched off."""
    parts = [
        bundle.logits(found.scores[rows[at : at + 4096]]).argmax(1)
        for at in range(0, len(rows), 4096)
    ]
    return np.concatenate(parts).astype(np.int64) if parts else np.empty(0, np.int64)


def groups_of(opened: Opened, n: int) -> Ints:
    """Equal numbers for the first n rows that show the same picture."""
    columns = opened.studio.catalogue.columns
    original = columns.duplicate_of[:n]
    rows = np.where(original > 0, original - 1, np.arange(n))
    return columns.image_ids[np.minimum(rows, columns.n - 1)].astype(np.int64)


@dataclass
class _Work:
    """The pass over the items that hold a source or one of the best patches."""

    opened: Opened
    found: Activations
    top: Ints = field(init=False)
    top_labelled: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.bundle = self.opened.bundle
        m = self.bundle.count
        self.top = np.full((m, TOP), -1, np.int64)
        self.top_labelled = self.top.copy()
        self.boxes = np.full((m, 4), np.nan)
        self.truths = Truths(self.opened.studio)
        self._outside: list[list[float]] = [[] for _ in range(m)]
        self._features: list[list[NDArray[np.float32]]] = [[] for _ in range(m)]
        self._hits: list[list[NDArray[np.bool_]]] = [[] for _ in range(m)]
        self.known = False

    def retrieve(self) -> None:
        from fgvc_studio.methods.st_protopnet import retrieval

        found, n = self.found, min(len(self.found), self.opened.studio.catalogue.n)
        groups = groups_of(self.opened, n)
        own = groups[self.opened.source_items - 1]
        rows = found.rows[found.rows < n]
        columns = self.opened.studio.catalogue.columns
        named = (columns.category[rows] > 0) & (columns.split[rows] != Split.TEST)
        for table, some in ((self.top, rows), (self.top_labelled, rows[named])):
            for j, best in retrieval.best_items(found.scores, some, groups, own, TOP):
                table[j, : len(best)] = best

    def look(self) -> Generator[Progress, None, None]:
        """Go through the kept maps of all items that matter, each once."""
        wanted: dict[int, list[tuple[int, bool]]] = {}
        for j, item in enumerate((self.opened.source_items - 1).tolist()):
            wanted.setdefault(item, []).append((j, True))
        for j, best in enumerate(self.top.tolist()):
            for row in best:
                if row >= 0:
                    wanted.setdefault(row, []).append((j, False))
        readable = set(self.found.rows.tolist())
        rows = sorted(row for row in wanted if row in readable)
        self.known = any(row + 1 in self.truths for row in rows)
        guessed: dict[int, NDArray[np.int8]] = {}
        if not self.known:
            guessed = yield from prototypes_object.inside(self.opened, np.array(rows, np.int64))
        frames = self.opened.frames([row + 1 for row in rows])
        for done, (row, frame) in enumerate(zip(rows, frames, strict=True)):
            if done % _REPORT_EVERY == 0:
                yield Progress(done, len(rows), "Looking at the best patches")
            self._see(row, frame, wanted[row], guessed.get(row))
        self._boxes_of_unseen()

    def _cells(self, rows: Ints) -> NDArray[np.float32]:
        """Unit maps of both branches one behind the other, (n, 2D, H, W)."""
        from fgvc_studio.methods.st_protopnet import retrieval

        maps = np.asarray(self.found.maps[rows], np.float32)
        parts = [retrieval.unit_maps(maps[:, b], self.bundle.upsample) for b in (0, 1)]
        return np.concatenate(parts, 1)

    def _see(
        self,
        row: int,
        frame: Frame,
        wanted: list[tuple[int, bool]],
        guess: NDArray[np.int8] | None,
    ) -> None:
        cells = self._cells(np.array([row]))[0]
        known = self.truths.of(row + 1)
        inside: Floats | None = None
        if guess is not None:
            inside = resized(guess, cells.shape[1:])
        elif known is not None:
            inside = coverage(known, frame, cells.shape[1:])
        points = points_of(known, frame, self.truths.names) if known is not None else None
        d, half = self.bundle.dim, self.bundle.count // 2
        for j, is_source in wanted:
            mine = cells[:d] if j < half else cells[d:]
            map_ = np.maximum(np.tensordot(self.bundle.vectors[j], mine, 1), 0)
            r, c = self.bundle.sources[j, 1:]
            if not is_source:
                r, c = self.found.places(np.array([row]), j)[0]
            if inside is not None:
                self._outside[j].append(1 - float(inside[r, c]))
            if is_source:
                self.boxes[j] = extent(map_)
                continue
            self._features[j].append(mine[:, r, c])
            if points is not None:
                self._hits[j].append(hit(points, r, c, map_.shape, frame.geometry.size))

    def _boxes_of_unseen(self) -> None:
        """A source that can no longer be read is its cell."""
        rows, columns = self.found.layout.grid
        for j in np.flatnonzero(np.isnan(self.boxes[:, 0])):
            _, r, c = self.bundle.sources[j]
            self.boxes[j] = r / rows, (r + 1) / rows, c / columns, (c + 1) / columns

    # ---- what was seen ---------------------------------------------------------------------
    def outside(self) -> Floats:
        return np.array([np.mean(e) if e else np.nan for e in self._outside])

    def disparate(self) -> Floats:
        found = (
            prototype_metrics.disparity(np.array(f)) if len(f) > 1 else None for f in self._features
        )
        return np.array([np.nan if value is None else value for value in found])

    def border(self) -> Floats:
        h, w = self.found.layout.grid
        made = np.full(self.bundle.count, np.nan)
        for j, best in enumerate(self.top):
            rows = best[best >= 0]
            if len(rows):
                r, c = self.found.places(rows, j).T
                made[j] = np.mean((r == 0) | (r == h - 1) | (c == 0) | (c == w - 1))
        return made

    def part_purity(self) -> Floats:
        return np.array(
            [np.mean(np.array(h), axis=0).max() if len(h) else np.nan for h in self._hits]
        )


def resized(cells: NDArray[np.int8], grid: tuple[int, ...]) -> Floats:
    """Cells (h, w) on another grid, the nearest one each."""
    rows, columns = (
        np.minimum((np.arange(n) + 0.5) * m / n, m - 1).astype(np.int64)
        for n, m in zip(grid, cells.shape, strict=True)
    )
    found: Floats = cells[np.ix_(rows, columns)].astype(np.float64)
    return found


def extent(map_: NDArray[np.floating]) -> tuple[float, float, float, float]:
    """Region around a map's peak: top, bottom, left, right in parts of the whole."""
    h, w = map_.shape
    large = localisation.upsampled(map_, h * DETAIL, w * DETAIL)
    top, bottom, left, right = localisation.peak_box(large)
    return (
        top / large.shape[0],
        bottom / large.shape[0],
        left / large.shape[1],
        right / (w * DETAIL),
    )


def hit(
    points: Floats, row: int, column: int, grid: tuple[int, ...], size: int
) -> NDArray[np.bool_]:
    """Which key points (parts, 2) lie in the box around a cell; pixels of the model's input."""
    x, y = (column + 0.5) * size / grid[1], (row + 0.5) * size / grid[0]
    near = np.abs(points - (x, y)) <= BOX * size / 2
    return np.asarray(near.all(1))

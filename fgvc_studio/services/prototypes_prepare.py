"""Comparing every item of a project with the prototypes of a run, going on where it was."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.records import Progress
from fgvc_studio.services import prototypes_cache, prototypes_measure, prototypes_verdicts
from fgvc_studio.services.embedding import default_threads
from fgvc_studio.services.prototypes_cache import TODO, UNREADABLE, Activations, Layout
from fgvc_studio.services.prototypes_open import Opened

if TYPE_CHECKING:
    from fgvc_studio.methods.st_protopnet.classifier import Classifier

CHUNK = 1024
"""Items whose paths are looked up at a time."""


class Scanner:
    """See `vision.runtimes.Embeds`: one long row of everything to keep per image."""

    def __init__(self, classifier: Classifier, layout: Layout) -> None:
        self._classifier, self._layout = classifier, layout

    def embed(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Images (n, 3, S, S) -> scores, cells and maps one behind the other."""
        made = self._classifier.activations(batch)
        flat = made.maps.reshape(len(batch), -1)
        return np.concatenate([made.scores, made.cells.astype(np.float32), flat], 1)

    def keep(self, into: Activations, rows: NDArray[np.int64], made: NDArray[np.float32]) -> None:
        """Write rows of `embed` (n, ...) to the files."""
        m = self._layout.prototypes
        maps = made[:, 2 * m :].reshape(len(made), *self._layout.width("maps"))
        into.put(
            rows,
            scores=made[:, :m],
            cells=made[:, m : 2 * m].astype(np.uint16),
            maps=maps.astype(np.float16),
        )


def prepare(opened: Opened) -> Generator[Progress, None, None]:
    """Compare what was not compared yet, measure the prototypes, find earlier verdicts again.

    May be left after any report.

    Raises
    ------
    UserError
        No disk, missing weights, or a model that cannot be read.
    """
    if not opened.prepared:
        yield from _compare(opened)
        opened.forget()
    yield from prototypes_measure.measure(opened)
    with opened.lock:
        for name in ("measures", "sources", "table"):
            opened.kept.pop(name, None)
    if not opened.studio.store.read_only:
        prototypes_verdicts.carry(opened)


def _compare(opened: Opened) -> Generator[Progress, None, None]:
    from fgvc_studio.vision import extract

    n = opened.studio.catalogue.n
    yield Progress(0, n, "Loading the model")
    classifier = opened.classifier
    layout = _layout(opened)
    files = prototypes_cache.make(opened.folder, layout, n)
    missing = np.flatnonzero(files.state[:n] == TODO).astype(np.int64)
    scanner = Scanner(classifier, layout)
    transform, images = opened.backbone.transform, opened.studio.store.images
    done, started = n - len(missing), time.monotonic()
    text = f"Comparing images with prototypes ({n * layout.item_bytes / 1e6:,.0f} MB)"
    yield Progress(done, n, text)
    try:
        for at in range(0, len(missing), CHUNK):
            rows = missing[at : at + CHUNK]
            boxes = [item.box for item in images.items(rows + 1)]
            paths = images.paths_of_items(rows + 1)
            for start, made, errors in extract.embed_paths(
                paths, boxes, scanner, transform, threads=default_threads(), normalise=False
            ):
                part = rows[start : start + len(made)]
                bad = np.zeros(len(made), bool)
                bad[[index - start for index, _ in errors]] = True
                scanner.keep(files, part[~bad], made[~bad])
                files.state[part[bad]] = UNREADABLE
                seen = at + start + len(made)
                rate = seen / max(time.monotonic() - started, 1e-9)
                yield Progress(done + seen, n, text, rate)
    finally:
        files.flush()


def _layout(opened: Opened) -> Layout:
    """Shapes as the network gives them for an empty picture."""
    size = opened.backbone.transform.size
    made = opened.classifier.activations(np.zeros((1, 3, size, size), np.float32))
    small = int(made.maps.shape[-2]), int(made.maps.shape[-1])
    return Layout(opened.bundle.model, opened.bundle.count, opened.bundle.dim, small, made.grid)

"""Where the objects of a project seem to be, for those without masks: a guess, once per backbone.

The guess is made of what the backbone itself gives, not of what a classifier learned from it: a
classifier stretches whatever tells its categories apart, a coloured label as well as a wing, and
the direction that varies most is then no longer that from the objects to their surroundings.
"""

from __future__ import annotations

import io
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis.prototype_metrics import ObjectAxis, object_axis
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress
from fgvc_studio.services.embedding import default_threads
from fgvc_studio.store.arrays import write_atomic

if TYPE_CHECKING:
    from fgvc_studio.services.prototypes_open import Opened
    from fgvc_studio.vision.backbones import Backbone

FOLDER = "objects"
FORMAT = 1
POOL, POOL_CELLS = 400, 60_000
"""Images that the axis is fitted to, and at most so many cells of them."""
UNREADABLE = -1
_CHUNK = 512

Ints = NDArray[np.int64]
Inside = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class _Kept:
    """What is known so far; ``inside (n, h, w)`` is 1, 0 or `UNREADABLE` for `rows`."""

    axis: ObjectAxis
    rows: Ints
    inside: Inside


class _Body:
    """See `vision.runtimes.Embeds`: the cells of a backbone before its last projection, flat."""

    def __init__(self, backbone: Backbone) -> None:
        import torch

        from fgvc_studio.vision.split import cut

        self._torch, self._split = torch, cut(backbone, "head")
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._split.frozen.to(self._device)
        self.grid = backbone.feature_shape[1], backbone.feature_shape[2]

    def embed(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Images (n, 3, S, S) -> cells (n, D * h * w)."""
        with self._torch.inference_mode():
            made = self._split.frozen(self._torch.from_numpy(batch).to(self._device))
            if made.ndim == 4 and tuple(made.shape[1:3]) == self.grid != tuple(made.shape[2:]):
                made = made.permute(0, 3, 1, 2)  # channels last
            maps = self._split.feature_map(made)
        self.grid = int(maps.shape[2]), int(maps.shape[3])
        flat: NDArray[np.float32] = maps.flatten(1).float().cpu().numpy()
        return flat

    def cells(self, flat: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows of `embed` -> (n, D, h, w)."""
        return flat.reshape(len(flat), -1, *self.grid)


def inside(opened: Opened, rows: Ints) -> Generator[Progress, None, dict[int, Inside]]:
    """Row -> 1 where its object seems to be, 0 elsewhere, (h, w); unreadable ones are left out.

    Kept in the project's cache for all runs on the same backbone.

    Raises
    ------
    UserError
        Missing weights, or a disk that cannot be written.
    """
    path = opened.studio.store.cache / FOLDER / f"{opened.backbone.key[:24]}-{FORMAT}.npz"
    kept = _read(path)
    missing = np.setdiff1d(rows, kept.rows) if kept is not None else rows
    if kept is None or len(missing):
        body = _Body(opened.backbone)
        if kept is None:
            axis = yield from _fit(opened, body)
            kept = _Kept(axis, np.empty(0, np.int64), np.empty((0, *body.grid), np.int8))
        kept = yield from _more(opened, body, kept, missing)
        _write(path, kept)
    at = {row: i for i, row in enumerate(kept.rows.tolist())}
    found = {int(row): kept.inside[at[int(row)]] for row in rows}
    return {row: known for row, known in found.items() if known[0, 0] != UNREADABLE}


def _fit(opened: Opened, body: _Body) -> Generator[Progress, None, ObjectAxis]:
    rows = opened.ready().rows
    count = max(16, min(POOL, POOL_CELLS // (body.grid[0] * body.grid[1])))
    some = np.sort(np.random.default_rng(0).permutation(rows)[:count])
    cells = []
    for done, (_, made) in enumerate(_embedded(opened, body, some)):
        yield Progress(min(32 * done, len(some)), len(some), "Learning what the objects look like")
        cells.append(body.cells(made[~np.isnan(made).any(1)]))
    if not cells:
        raise UserError("No picture of the project can be read.", "Put the pictures back.")
    return object_axis(np.concatenate(cells))


def _more(
    opened: Opened, body: _Body, kept: _Kept, missing: Ints
) -> Generator[Progress, None, _Kept]:
    blocks = [kept.inside]
    for start, made in _embedded(opened, body, missing):
        yield Progress(start, len(missing), "Finding the objects")
        bad = np.isnan(made).any(1)
        block = np.full((len(made), *kept.inside.shape[1:]), UNREADABLE, np.int8)
        if not bad.all():
            block[~bad] = kept.axis.inside(body.cells(made[~bad]))
        blocks.append(block)
    return _Kept(kept.axis, np.concatenate([kept.rows, missing]), np.concatenate(blocks))


def _embedded(
    opened: Opened, body: _Body, rows: Ints
) -> Generator[tuple[int, NDArray[np.float32]], None, None]:
    """Start and vectors of each batch, NaN for pictures that cannot be read."""
    from fgvc_studio.vision import extract

    images = opened.studio.store.images
    for at in range(0, len(rows), _CHUNK):
        ids = rows[at : at + _CHUNK] + 1
        boxes = [item.box for item in images.items(ids)]
        for start, made, _ in extract.embed_paths(
            images.paths_of_items(ids), boxes, body, opened.backbone.transform,
            threads=default_threads(), normalise=False,
        ):  # fmt: skip
            yield at + start, made


def _read(path: Path) -> _Kept | None:
    try:
        with np.load(path, allow_pickle=False) as kept:
            axis = ObjectAxis(kept["mean"], kept["direction"])
            return _Kept(axis, kept["rows"], kept["inside"])
    except (OSError, ValueError, KeyError):
        return None


def _write(path: Path, kept: _Kept) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, rows=kept.rows, inside=kept.inside,
        mean=kept.axis.mean, direction=kept.axis.direction,
    )  # fmt: skip
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, buffer.getvalue())
    except OSError as error:
        raise UserError(
            f"Where the objects are cannot be written: {error.strerror}.",
            "Check the rights of the cache folder and the space on its disk.",
        ) from error

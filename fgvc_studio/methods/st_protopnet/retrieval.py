"""Where prototypes fire over all items: from kept maps, without the backbone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from fgvc_studio.methods.st_protopnet.model import enlarged

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
_BLOCK = 64


@torch.inference_mode()
def unit_maps(maps: NDArray[np.floating], upsample: int) -> Floats:
    """Kept add-on maps (B, D, h, w) -> enlarged ones of unit length along D, (B, D, H, W)."""
    z = enlarged(torch.from_numpy(np.asarray(maps, np.float32)), upsample)
    found: Floats = F.normalize(z, dim=1).numpy()
    return found


@torch.inference_mode()
def similarity(
    maps: NDArray[np.floating], vectors: Floats, *, upsample: int, variant: str = "full"
) -> Floats:
    """Similarity maps (m, H, W) of unit prototypes (m, D) on one item's add-on maps (D, h, w)."""
    z = enlarged(torch.from_numpy(np.asarray(maps, np.float32))[None], upsample)
    if variant != "cropped":
        z = F.normalize(z, dim=1)
    found = torch.einsum("pd,dhw->phw", torch.from_numpy(np.asarray(vectors, np.float32)), z[0])
    shown: Floats = (found if variant == "cropped" else found.relu()).numpy()
    return shown


def best_items(
    scores: Floats, rows: Ints, groups: Ints, own: Ints, count: int, *, first: int = 0
) -> Iterator[tuple[int, Ints]]:
    """The best rows of each prototype, one per picture, its own source left out.

    Parameters
    ----------
    scores : ndarray (N, M) float32
        Usually a memmap; read in blocks of columns.
    rows : ndarray (n,) int64
        Rows that may be chosen.
    groups : ndarray (N,) int64
        Equal for rows of the same picture.
    own : ndarray (M,) int64
        Group of each prototype's source.
    first : int
        Number of the first prototype.

    Yields
    ------
    prototype, rows
        At most `count` of them, best first; ties go to the lower row.
    """
    for start in range(first, scores.shape[1], _BLOCK):
        block = np.ascontiguousarray(scores[:, start : start + _BLOCK].T)[:, rows]
        for offset, column in enumerate(block):
            yield start + offset, best_rows(column, rows, groups, int(own[start + offset]), count)


def best_rows(column: Floats, rows: Ints, groups: Ints, own: int, count: int) -> Ints:
    """As `best_items` for the scores (n,) of one prototype on `rows`."""
    wanted = 4 * count + 8
    while True:
        if wanted >= len(column):
            order = np.argsort(-column, kind="stable")
        else:
            some = np.sort(np.argpartition(-column, wanted)[:wanted])
            order = some[np.argsort(-column[some], kind="stable")]
        found = _different(rows[order], groups, own, count)
        if len(found) == count or len(order) == len(column):
            return found
        wanted *= 4


def _different(ranked: Iterable[int], groups: Ints, own: int, count: int) -> Ints:
    seen, found = {own}, []
    for row in ranked:
        group = int(groups[row])
        if group not in seen:
            seen.add(group)
            found.append(int(row))
            if len(found) == count:
                break
    return np.array(found, np.int64)

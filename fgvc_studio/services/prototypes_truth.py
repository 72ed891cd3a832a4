"""What is known of the objects in the pictures: masks and key points, where a folder has them.

The sample project has: ``parts.json`` beside its photos (see `sample.dataset`). Any folder of
images may have such a file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.records import Box

if TYPE_CHECKING:
    from fgvc_studio.services.prototypes_open import Frame
    from fgvc_studio.services.studio import Studio

FILE = "parts.json"
_PROBES = 6
"""Points per side of a cell at which the mask is looked up."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an item's image; pixels of the upright image.

    Attributes
    ----------
    mask : ndarray (h, w) bool
        The object, every `step` pixels.
    points : mapping
        Name of a part -> x, y; only those to be seen.
    confounders : mapping
        Name -> box of what lies beside the object.
    """

    mask: NDArray[np.bool_]
    step: int
    points: dict[str, tuple[float, float]]
    confounders: dict[str, Box]


class Truths:
    """Objects of the items of a project; empty for most projects.

    Parameters
    ----------
    studio : Studio
    """

    def __init__(self, studio: Studio) -> None:
        self._entries: dict[int, tuple[dict[str, Any], int]] = {}
        self.names: tuple[str, ...] = ()
        names: set[str] = set()
        for root in studio.store.images.roots():
            try:
                record = json.loads((root.path / FILE).read_text("utf-8"))
                step, images = int(record["mask_step"]), dict(record["images"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
            items = studio.store.images.items_of_paths(list(images))
            for path, item in items.items():
                self._entries[item] = images[path], step
                names |= set(images[path].get("points", ()))
        self.names = tuple(sorted(names))

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, item_id: int) -> bool:
        return int(item_id) in self._entries

    def of(self, item_id: int) -> Known | None:
        """What is known of an item; None when nothing is, or its entry is damaged."""
        found = self._entries.get(int(item_id))
        if found is None:
            return None
        entry, step = found
        try:
            shape, runs = entry["mask"]["shape"], np.array(entry["mask"]["runs"], np.int64)
            codes = np.repeat(runs[0::2], runs[1::2]).reshape(shape)
            points = {
                name: (float(p[0]), float(p[1])) for name, p in entry["points"].items() if p[2]
            }
            beside = {
                name: Box(*map(float, box[:4]))
                for name, box in entry.get("confounders", {}).items()
            }
        except (KeyError, ValueError, TypeError, IndexError):
            return None
        return Known(codes > 0, step, points, beside)


def truth_stamp(studio: Studio) -> str:
    """Changes when a file of masks comes, goes or is written."""
    found = []
    for root in studio.store.images.roots():
        path = root.path / FILE
        if path.is_file():
            found.append(f"{path} {path.stat().st_mtime_ns}")
    return "; ".join(found)


def coverage(known: Known, frame: Frame, grid: tuple[int, int]) -> NDArray[np.float64]:
    """Share of each cell of the model's maps that the object covers, (H, W)."""
    rows, columns = grid
    size = frame.geometry.size
    ys = (np.arange(rows * _PROBES) + 0.5) * size / (rows * _PROBES)
    xs = (np.arange(columns * _PROBES) + 0.5) * size / (columns * _PROBES)
    inside = object_at(known, frame, xs, ys).astype(np.float64)
    shares: NDArray[np.float64] = inside.reshape(rows, _PROBES, columns, _PROBES).mean((1, 3))
    return shares


def object_at(
    known: Known, frame: Frame, xs: NDArray[np.float64], ys: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether the object is at each point (len(ys), len(xs)) of the model's input."""
    place = frame.geometry
    x = frame.left + (xs + place.left) / place.scale_x
    y = frame.top + (ys + place.top) / place.scale_y
    high, wide = known.mask.shape
    column = np.clip(x / known.step, 0, wide - 1).astype(int)
    row = np.clip(y / known.step, 0, high - 1).astype(int)
    found: NDArray[np.bool_] = known.mask[np.ix_(row, column)]
    return found


def points_of(known: Known, frame: Frame, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Key points (parts, 2) in pixels of the model's input; NaN where not to be seen."""
    found = np.full((len(names), 2), np.nan)
    for number, name in enumerate(names):
        if name in known.points:
            x, y = frame.to_input(*known.points[name])
            if 0 <= x < frame.geometry.size and 0 <= y < frame.geometry.size:
                found[number] = x, y
    return found

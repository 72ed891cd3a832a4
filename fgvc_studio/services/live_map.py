"""Pictures of a fixed sample while a run trains: where its items lie, epoch after epoch."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.runs import StepReport
from fgvc_studio.store.arrays import write_atomic

FILE = "live-map.npz"
SAMPLE = 1000
"""Items of the sample (shared/methods: a fixed sample of 1,000)."""
LEAST = 3
PICTURES = 10
"""About how many pictures a run leaves."""

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Frame:
    """The sample after some steps.

    Attributes
    ----------
    step : int
        Steps done.
    item_ids : ndarray (n,) int64
    xy : ndarray (n, 2) float32
        Principal coordinates with root mean square distance 1 from the middle, turned to lie as
        the frame before.
    """

    step: int
    item_ids: Ids
    xy: Floats


def due(epoch: int, epochs: int) -> bool:
    """Whether a picture is wanted after this epoch (from 1): about `PICTURES`, and the last."""
    step = max(1, round(epochs / PICTURES))
    return epoch % step == 0 or epoch == epochs


def picture(vectors: Floats, before: Floats | None = None) -> Floats:
    """Principal coordinates of (n, d) embeddings, (n, 2), turned to `before` by Procrustes."""
    from fgvc_studio.analysis import projection

    xy = projection.pca(np.ascontiguousarray(vectors, np.float32), 2)
    xy = xy - xy.mean(0)
    xy /= max(float(np.sqrt((xy**2).sum(1).mean())), 1e-9)
    if before is not None and before.shape == xy.shape:
        left, _, right = np.linalg.svd(xy.T @ before)
        xy = xy @ (left @ right)
    return np.asarray(xy, np.float32)


class LiveMap:
    """The frames of a run, kept in its folder.

    Parameters
    ----------
    folder : Path
        Of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self.frames = load(folder)

    def add(self, step: int, item_ids: Ids, vectors: Floats) -> Frame:
        """One more frame; those of later steps, from before a resume, are forgotten."""
        self.frames = [f for f in self.frames if f.step < step]
        same = bool(self.frames) and np.array_equal(self.frames[-1].item_ids, item_ids)
        if not same:
            self.frames = []
        made = Frame(step, item_ids, picture(vectors, self.frames[-1].xy if same else None))
        self.frames.append(made)
        self._save()
        return made

    def looked(self, trainer: Any, report: StepReport, item_ids: Ids) -> dict[str, Frame]:
        """``{"frame": ...}`` after an epoch that is due, of a method that shows a sample."""
        if not report.diagnostics or not hasattr(trainer, "sample"):
            return {}
        epochs = round(report.total / report.step * (report.epoch + 1))
        if not due(report.epoch + 1, epochs):
            return {}
        rows, vectors = trainer.sample(SAMPLE)
        if len(rows) < LEAST:
            return {}
        return {"frame": self.add(report.step, item_ids[rows], vectors.numpy())}

    def _save(self) -> None:
        file = io.BytesIO()
        np.savez_compressed(
            file,
            item_ids=self.frames[-1].item_ids,
            steps=np.array([f.step for f in self.frames], np.int64),
            xy=np.stack([f.xy for f in self.frames]),
        )
        write_atomic(self._path, file.getvalue())


def load(folder: Path) -> list[Frame]:
    """The frames of a run; empty when there are none or they are damaged."""
    try:
        with (folder / FILE).open("rb") as file, np.load(file, allow_pickle=False) as data:
            ids, steps, xy = data["item_ids"], data["steps"], data["xy"]
        return [Frame(int(s), ids, points) for s, points in zip(steps, xy, strict=True)]
    except (OSError, ValueError, KeyError, EOFError):
        return []

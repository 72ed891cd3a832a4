"""Views of items: pictures to network inputs, and through the frozen part into the cache."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.records import Box
from fgvc_studio.vision import decode
from fgvc_studio.vision.augment import ViewSpec, view_seed
from fgvc_studio.vision.extract import crop
from fgvc_studio.vision.frozen import FrozenRunner
from fgvc_studio.vision.split import Split
from fgvc_studio.vision.transforms import EvalTransform
from fgvc_studio.vision.view_cache import Kind, Rows, ViewCache, cache_key

CLEAN = "clean"
_CHUNK = 8
_AHEAD = 2
_DECODE_SIDE = 512
"""Scaled decoding keeps at least this shorter side: crops are small parts of the picture."""

Views = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Pictures:
    """What the views are made of; row i is item i of a run.

    Attributes
    ----------
    fingerprints : sequence of bytes
        32 bytes per item, of the file's bytes and the box.
    """

    paths: Sequence[Path]
    boxes: Sequence[Box | None]
    fingerprints: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.paths)


class ViewMaker:
    """Makes views of items, and their outputs at the cut.

    Parameters
    ----------
    plan : mapping
        Kind of view -> (how it is made, views per item); `CLEAN` goes with an `EvalTransform` and
        one view.
    seed : int
        The run's seed.
    threads : int
        For decoding and augmenting.
    """

    def __init__(
        self,
        pictures: Pictures,
        split: Split,
        plan: Mapping[str, tuple[ViewSpec | EvalTransform, int]],
        seed: int,
        threads: int = 1,
    ) -> None:
        self.pictures, self.split, self.plan, self.seed = pictures, split, dict(plan), seed
        self._threads = max(1, threads)
        self._run = FrozenRunner(split, threads)

    def cache(self, folder: Path) -> ViewCache:
        """A cache of this maker's outputs in a folder of its own below `folder`."""
        kinds = [
            Kind(name, count, self.split.stored_shape(how.size))
            for name, (how, count) in self.plan.items()
        ]
        specs = {name: [how.spec(), count] for name, (how, count) in self.plan.items()}
        key = cache_key({"split": self.split.spec(), "views": specs, "seed": self.seed})
        return ViewCache(folder / key[:32], kinds, self.pictures.fingerprints, self.outputs)

    def views(self, row: int, salt: int = 0) -> Views:
        """All views of an item, ``{kind: (V, 3, S, S)}``; `salt` gives other ones.

        Raises
        ------
        DecodeError
            The file cannot be read as a picture.
        """
        box = self.pictures.boxes[row]
        target = None if box else _DECODE_SIDE
        image = decode.open_image(Path(self.pictures.paths[row]), target=target).image
        if box:
            image = crop(image, box)
        seed_word = f"{self.seed}/{salt}" if salt else self.seed
        made: Views = {}
        for kind, (how, count) in self.plan.items():
            if isinstance(how, EvalTransform):
                made[kind] = how(image)[None]
                continue
            seeds = [
                view_seed(seed_word, self.pictures.fingerprints[row], kind, v) for v in range(count)
            ]
            made[kind] = np.stack([how(image, v, seed) for v, seed in enumerate(seeds)])
        return made

    def batches(self, rows: Rows, salt: int = 0) -> Iterator[list[tuple[int, Views | str]]]:
        """Views of many items, a few at a time; threads work ahead."""
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="views")
        waiting: deque[list[tuple[int, Future[Views | str]]]] = deque()

        def take() -> list[tuple[int, Views | str]]:
            return [(row, future.result()) for row, future in waiting.popleft()]

        try:
            for start in range(0, len(rows), _CHUNK):
                part = [int(row) for row in rows[start : start + _CHUNK]]
                waiting.append([(row, pool.submit(self._try, row, salt)) for row in part])
                if len(waiting) > _AHEAD:
                    yield take()
            while waiting:
                yield take()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def outputs(self, rows: Rows) -> Iterator[tuple[int, Mapping[str, NDArray] | str]]:
        """Outputs at the cut of all views of items: see `view_cache.Produce`."""
        for batch in self.batches(rows):
            good = [(row, made) for row, made in batch if not isinstance(made, str)]
            stored = {
                kind: self._through([made[kind] for _, made in good]) for kind in self.plan if good
            }
            place = {row: i for i, (row, _) in enumerate(good)}
            for row, made in batch:
                if isinstance(made, str):
                    yield row, made
                else:
                    yield row, {kind: stored[kind][place[row]] for kind in self.plan}

    def _try(self, row: int, salt: int) -> Views | str:
        try:
            return self.views(row, salt)
        except decode.DecodeError as error:
            return error.reason

    def _through(self, views: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        """(V, 3, S, S) per item -> (items, V, ...)."""
        out = self._run(np.concatenate(views))
        return out.reshape(len(views), -1, *out.shape[1:])

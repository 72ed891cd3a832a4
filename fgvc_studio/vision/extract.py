"""Embed many images: decoding threads run ahead while the network computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fgvc_studio.domain.records import Box
from fgvc_studio.vision import decode
from fgvc_studio.vision.runtimes import Embeds
from fgvc_studio.vision.transforms import EvalTransform

_AHEAD = 3
Loaded = list[tuple[int, "NDArray[np.float32] | str"]]
"""Index in the whole sequence, and the input (3, H, W) or the reason why there is none."""


def embed_paths(
    paths: Sequence[Path],
    boxes: Sequence[Box | None] | None,
    runtime: Embeds,
    transform: EvalTransform,
    *,
    batch: int = 32,
    threads: int = 2,
    normalise: bool = True,
) -> Iterator[tuple[int, NDArray[np.float32], list[tuple[int, str]]]]:
    """Embed items in order, a batch at a time.

    Parameters
    ----------
    paths : sequence of Path
        One per item; equal neighbours (boxes of one image) are decoded once.
    boxes : sequence of Box or None
        Part of the upright image for each item; None for whole images.
    batch : int
        Items per batch.
    threads : int
        Decoding threads.
    normalise : bool
        Whether vectors get length 1.

    Yields
    ------
    start : int
        Index of the batch's first item.
    vectors : ndarray (n, D) float32
        l2-normalised if wanted; NaN rows for items that could not be read.
    errors : list of (int, str)
        Index of the item in `paths` and the reason in words.
    """
    dim = 0
    waiting: list[tuple[int, int, list[tuple[int, str]]]] = []
    for start, loaded in _batches(paths, boxes, transform, batch, threads):
        good = [(index, value) for index, value in loaded if not isinstance(value, str)]
        errors = [(index, value) for index, value in loaded if isinstance(value, str)]
        if not good and not dim:  # the width of a NaN row is not known before the first vector
            waiting.append((start, len(loaded), errors))
            continue
        vectors = np.empty((0, dim), np.float32)
        if good:
            vectors = runtime.embed(np.stack([value for _, value in good]))
            vectors = normalised(vectors) if normalise else vectors
            dim = vectors.shape[1]
        for earlier, count, reasons in waiting:
            yield earlier, np.full((count, dim), np.nan, np.float32), reasons
        waiting.clear()
        rows = np.full((len(loaded), dim), np.nan, np.float32)
        rows[[index - start for index, _ in good]] = vectors
        yield start, rows, errors
    if waiting:
        dim = runtime.embed(np.zeros((1, 3, transform.size, transform.size), np.float32)).shape[1]
        for earlier, count, reasons in waiting:
            yield earlier, np.full((count, dim), np.nan, np.float32), reasons


def normalised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1 (a zero row stays zero)."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.maximum(length, 1e-12)).astype(np.float32)


def crop(image: Image.Image, box: Box) -> Image.Image:
    """The part of an image within a box (pixels), which is cut at the border; at least 1 x 1."""
    left = min(max(0, int(np.floor(box.x))), image.width - 1)
    top = min(max(0, int(np.floor(box.y))), image.height - 1)
    right = min(image.width, max(left + 1, int(np.ceil(box.x + box.width))))
    bottom = min(image.height, max(top + 1, int(np.ceil(box.y + box.height))))
    return image.crop((left, top, right, bottom))


def _batches(
    paths: Sequence[Path],
    boxes: Sequence[Box | None] | None,
    transform: EvalTransform,
    batch: int,
    threads: int,
) -> Iterator[tuple[int, Loaded]]:
    pool = ThreadPoolExecutor(max(1, threads), thread_name_prefix="decode")
    queue: deque[tuple[int, list[Future[Loaded]]]] = deque()

    def take() -> tuple[int, Loaded]:
        start, futures = queue.popleft()
        return start, [entry for future in futures for entry in future.result()]

    try:
        for start in range(0, len(paths), batch):
            span = range(start, min(start + batch, len(paths)))
            runs = [list(run) for _, run in groupby(span, key=lambda index: paths[index])]
            queue.append(
                (start, [pool.submit(_load, run, paths, boxes, transform) for run in runs])
            )
            if len(queue) >= _AHEAD:
                yield take()
        while queue:
            yield take()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _load(
    run: list[int],
    paths: Sequence[Path],
    boxes: Sequence[Box | None] | None,
    transform: EvalTransform,
) -> Loaded:
    """Inputs of the items of one image."""
    parts = [boxes[index] if boxes else None for index in run]
    whole = all(part is None for part in parts)
    try:
        decoded = decode.open_image(
            Path(paths[run[0]]), target=transform.decode_target if whole else None
        )
    except decode.DecodeError as error:
        return [(index, error.reason) for index in run]
    return [
        (index, transform(crop(decoded.image, part) if part else decoded.image))
        for index, part in zip(run, parts, strict=True)
    ]

"""Find earlier images with nearly the same difference hash, mirrored ones too.

A hash of 64 bits is cut into four bands of 16. Two hashes that differ in at most 7 bits differ in
at most one bit in some band (pigeonhole), so every pair is found by looking up each band and its
16 one-bit neighbours in a table of that band: some 70 short lists instead of all images.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

RADIUS = 5
"""Most bits in which near duplicates differ; at most 7.

Of 250 photos, copies at half size, at JPEG quality 40 and mirrored differ by at most 4 bits; at 6
bits most pairs are other shots of the same thing.
"""
_BANDS = (0, 16, 32, 48)
_PROBES = np.concatenate([[0], 1 << np.arange(16)]).astype(np.int64)
_FLAT = np.uint64(0xF0F0F0F0F0F0F0F0)
_FLAT_BITS = 10
_RECENT = 4096
_CHUNK = 4_000_000
_SHAPE = 0.03
"""Most by which the ratio of the sides of near duplicates differs, relative."""

Ids = NDArray[np.int64]


class NearDuplicates:
    """Grows with the images of an import; each query returns the earliest similar image.

    Only originals enter: a copy is always reported as a copy of its original. Pictures with almost
    no structure (blank, evenly graded) are never reported: their hashes all agree.

    Parameters
    ----------
    image_ids : ndarray (N,) int64
    phashes : ndarray (N,) int64
    aspects : ndarray (N,) float
        Width / height.
    """

    def __init__(self, image_ids: Ids, phashes: Ids, aspects: NDArray[np.float64]) -> None:
        self._ids = np.empty(0, np.int64)
        self._hashes = np.empty(0, np.uint64)
        self._aspects = np.empty(0, np.float64)
        self._orders: list[NDArray[np.int64]] = []
        self._starts: list[NDArray[np.int64]] = []
        self._indexed = 0
        self._append(image_ids, _unsigned(phashes), np.asarray(aspects, np.float64))
        self._reindex()

    def add(self, image_ids: Ids, phashes: Ids, aspects: NDArray[np.float64]) -> Ids:
        """Enter images in the order of their ids.

        Returns
        -------
        ndarray (n,) int64
            The image of which each is a near duplicate, 0 for none. Those are not entered.
        """
        from fgvc_studio.vision.decode import mirrored_hashes

        hashes = _unsigned(phashes)
        mirrored = _unsigned(mirrored_hashes(np.asarray(phashes, np.int64)))
        aspects = np.asarray(aspects, np.float64)
        found = np.zeros(len(hashes), np.int64)
        structured = np.flatnonzero(np.bitwise_count(hashes ^ _FLAT) > _FLAT_BITS)
        for queries in (hashes, mirrored):
            self._earliest(queries, aspects, structured, found)
        self._within(hashes, mirrored, aspects, structured, image_ids, found)
        fresh = structured[found[structured] == 0]
        self._append(np.asarray(image_ids, np.int64)[fresh], hashes[fresh], aspects[fresh])
        if len(self._ids) - self._indexed > _RECENT:
            self._reindex()
        return found

    def _append(self, ids: Ids, hashes: NDArray[np.uint64], aspects: NDArray[np.float64]) -> None:
        self._ids = np.concatenate([self._ids, ids])
        self._hashes = np.concatenate([self._hashes, hashes])
        self._aspects = np.concatenate([self._aspects, aspects])

    def _reindex(self) -> None:
        self._orders, self._starts = [], []
        for shift in _BANDS:
            band = _band(self._hashes, shift)
            self._orders.append(np.argsort(band.astype(np.uint16), kind="stable"))
            counts = np.bincount(band, minlength=1 << 16)
            self._starts.append(np.concatenate([[0], np.cumsum(counts)]))
        self._indexed = len(self._ids)

    def _earliest(
        self,
        queries: NDArray[np.uint64],
        aspects: NDArray[np.float64],
        wanted: NDArray[np.int64],
        found: Ids,
    ) -> None:
        """Lower `found` to the earliest id within the radius of each wanted query."""
        recent = slice(self._indexed, None)
        if len(self._ids) > self._indexed:
            distances = np.bitwise_count(queries[wanted, None] ^ self._hashes[None, recent])
            who, row = np.nonzero(distances <= RADIUS)
            self._note(wanted[who], row + self._indexed, aspects, found)
        for order, start, shift in zip(self._orders, self._starts, _BANDS, strict=True):
            keys = (_band(queries[wanted], shift)[:, None] ^ _PROBES).ravel()
            owner = np.repeat(wanted, len(_PROBES))
            first, count = start[keys], start[keys + 1] - start[keys]
            for part in _parts(count):
                sizes = count[part]
                owners = np.repeat(owner[part], sizes)
                ends = np.cumsum(sizes)
                offset = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - sizes, sizes)
                rows = order[np.repeat(first[part], sizes) + offset]
                near = np.bitwise_count(queries[owners] ^ self._hashes[rows]) <= RADIUS
                self._note(owners[near], rows[near], aspects, found)

    def _note(
        self,
        who: NDArray[np.int64],
        rows: NDArray[np.int64],
        aspects: NDArray[np.float64],
        found: Ids,
    ) -> None:
        same = _same_shape(aspects[who], self._aspects[rows])
        _lower(found, who[same], self._ids[rows[same]])

    @staticmethod
    def _within(
        hashes: NDArray[np.uint64],
        mirrored: NDArray[np.uint64],
        aspects: NDArray[np.float64],
        wanted: NDArray[np.int64],
        ids: Ids,
        found: Ids,
    ) -> None:
        """Compare the images of one batch with each other, each with the originals before it."""
        mine = hashes[wanted]
        near = np.bitwise_count(mine[:, None] ^ mine[None]) <= RADIUS
        near |= np.bitwise_count(mirrored[wanted][:, None] ^ mine[None]) <= RADIUS
        near &= _same_shape(aspects[wanted][:, None], aspects[wanted][None])
        near = np.tril(near, -1)
        for later in np.flatnonzero(near.any(axis=1)):
            if found[wanted[later]]:
                continue
            earlier = np.flatnonzero(near[later])
            originals = earlier[found[wanted[earlier]] == 0]
            if len(originals):
                found[wanted[later]] = ids[wanted[originals[0]]]


def _unsigned(phashes: Ids) -> NDArray[np.uint64]:
    return np.ascontiguousarray(phashes, np.int64).view(np.uint64)


def _band(hashes: NDArray[np.uint64], shift: int) -> NDArray[np.int64]:
    return ((hashes >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64)


def _same_shape(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(a - b) <= _SHAPE * np.maximum(a, b))


def _lower(found: Ids, at: NDArray[np.int64], ids: Ids) -> None:
    unset = np.iinfo(np.int64).max
    found[found == 0] = unset
    np.minimum.at(found, at, ids)
    found[found == unset] = 0


def _parts(count: NDArray[np.int64]) -> list[slice]:
    """Cut so that each part expands to a bounded number of candidates."""
    ends = np.cumsum(count)
    if not len(ends) or not ends[-1]:
        return []
    cuts = np.searchsorted(ends, np.arange(_CHUNK, ends[-1], _CHUNK)) + 1
    edges = np.unique(np.concatenate([[0], cuts, [len(count)]]))
    return [slice(int(a), int(b)) for a, b in pairwise(edges)]

"""Embedding spaces, maps and neighbour lists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SpaceInfo:
    """What is known of an embedding space without opening its vectors.

    Attributes
    ----------
    name : str
        Folder name under ``arrays/``; unique in the project.
    backbone : str
        Registry name of the backbone, e.g. ``lite0``.
    key : str
        SHA-256 over weights and transform; equal keys mean comparable vectors.
    done, total : int
        Items embedded so far, and items of the project.
    """

    name: str
    backbone: str
    dim: int
    key: str
    runtime: str
    done: int
    total: int
    created: float
    maps: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every item has a vector."""
        return self.done >= self.total


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """One embedding matrix with the ids of its rows.

    Attributes
    ----------
    vectors : ndarray (N, D) float32
        Rows l2-normalised; usually a read-only memmap.
    item_ids : ndarray (N,) int64
        Ascending.
    norms : ndarray (N,) float32, optional
        Lengths before normalisation; ``vectors * norms[:, None]`` is what the backbone gave.
    """

    info: SpaceInfo
    vectors: NDArray[np.float32]
    item_ids: NDArray[np.int64]
    norms: NDArray[np.float32] | None = None

    def rows_of(self, item_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Row of each item, -1 where the item has no vector."""
        if not len(self.item_ids):
            return np.full(len(item_ids), -1, np.int64)
        rows = np.searchsorted(self.item_ids, item_ids)
        rows[rows == len(self.item_ids)] = 0
        return np.where(self.item_ids[rows] == item_ids, rows, -1).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Map2D:
    """The 2-D picture of a space.

    Attributes
    ----------
    method : str
        ``pca`` or ``umap``.
    xy : ndarray (N, 2) float32
    item_ids : ndarray (N,) int64
    groups : ndarray (N,) int32 or None
        k-means/HDBSCAN group of each row, -1 noise.
    """

    space: str
    method: str
    xy: NDArray[np.float32]
    item_ids: NDArray[np.int64]
    groups: NDArray[np.int32] | None = None


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The k nearest rows of each query, best first.

    Attributes
    ----------
    item_ids : ndarray (Q, k) int64
        -1 where fewer than k exist.
    scores : ndarray (Q, k) float32
        Cosine similarity.
    """

    item_ids: NDArray[np.int64]
    scores: NDArray[np.float32]

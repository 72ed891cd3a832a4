"""From a space to the plane: PCA at once, UMAP on our own neighbours, new points placed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import neighbours

Report = Callable[[int, int, str], None]
SAMPLE = 20_000
TEMPERATURE = 0.07


def pca(vectors: NDArray[np.float32], dims: int = 2, *, seed: int = 0) -> NDArray[np.float32]:
    """Principal components.

    The axes come from the covariance of at most 20,000 rows; signs are fixed so that the same
    space always gives the same picture.

    Parameters
    ----------
    vectors : ndarray (N, D) float32
    dims : int

    Returns
    -------
    ndarray (N, dims) float32
    """
    from scipy import linalg

    n, width = vectors.shape
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(n, SAMPLE, replace=False)) if n > SAMPLE else np.arange(n)
    sample = np.asarray(vectors[rows], np.float32)
    mean = sample.mean(0)
    sample = sample - mean
    wanted = min(dims, width, n)
    if n < width:
        _, _, axes = linalg.svd(sample, full_matrices=False)
        axes = axes[:wanted]
    else:
        covariance = sample.T @ sample
        _, found = linalg.eigh(
            covariance.astype(np.float64), subset_by_index=(width - wanted, width - 1)
        )
        axes = found.T[::-1]
    axes = axes * np.sign(axes[np.arange(wanted), np.abs(axes).argmax(1)])[:, None]
    out = np.zeros((n, dims), np.float32)
    out[:, :wanted] = (np.asarray(vectors) - mean) @ axes.T.astype(np.float32)
    return out


def umap_embed(
    vectors: NDArray[np.float32],
    rows: NDArray[np.int64],
    scores: NDArray[np.float32],
    *,
    dims: int = 2,
    min_dist: float = 0.1,
    seed: int = 0,
    epochs: int | None = 200,
) -> NDArray[np.float32]:
    """UMAP over given neighbours (arXiv 1802.03426), started from PCA; same seed, same result.

    Parameters
    ----------
    vectors : ndarray (N, D) float32
        l2-normalised.
    rows, scores : ndarray (N, k)
        Neighbours without the row itself, and their cosines.
    epochs : int or None
        None takes the library's choice (500 below 10,000 rows, else 200).

    Returns
    -------
    ndarray (N, dims) float32
    """
    import warnings

    import umap

    n, k = rows.shape
    indices = np.concatenate([np.arange(n)[:, None], rows], 1)
    distances = np.concatenate([np.zeros((n, 1)), np.maximum(0.0, 1.0 - scores)], 1)
    start = pca(vectors, dims, seed=seed)
    spread = np.abs(start).max() or 1.0
    rng = np.random.default_rng(seed)
    start = start / spread * 10 + rng.normal(0, 1e-4, start.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reducer = umap.UMAP(
            n_components=dims,
            n_neighbors=k + 1,
            min_dist=min_dist,
            metric="cosine",
            precomputed_knn=(indices.astype(np.int32), distances.astype(np.float32)),
            init=start.astype(np.float32),
            n_epochs=epochs,
            random_state=seed,
            n_jobs=1,
        )
        made = reducer.fit_transform(np.asarray(vectors))
    return np.asarray(made, np.float32)


def umap_map(
    vectors: NDArray[np.float32],
    rows: NDArray[np.int64],
    scores: NDArray[np.float32],
    seed: int = 0,
) -> NDArray[np.float32]:
    """The 2-D map ``(N, 2)``; fewer epochs for larger spaces."""
    n = len(vectors)
    epochs = 300 if n <= 5_000 else 200 if n <= 50_000 else 120
    return umap_embed(vectors, rows, scores, seed=seed, epochs=epochs)


def warm_up() -> int:
    """Let UMAP compile, so that the first map does not wait for it."""
    vectors = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows, scores = neighbours.knn_graph(vectors, 5)
    return len(umap_embed(vectors, rows, scores, epochs=5))


def place(
    new: NDArray[np.float32],
    vectors: NDArray[np.float32],
    xy: NDArray[np.float32],
    *,
    k: int = 15,
) -> NDArray[np.float32]:
    """Put new vectors on a map at the weighted mean of their neighbours.

    Parameters
    ----------
    new : ndarray (Q, D) float32
    vectors : ndarray (N, D) float32
    xy : ndarray (N, 2) float32

    Returns
    -------
    ndarray (Q, 2) float32
    """
    if not len(new):
        return np.empty((0, 2), np.float32)
    rows, scores = neighbours.search(vectors, new, min(k, len(vectors)))
    weights = np.exp((scores - scores[:, :1]) / TEMPERATURE)
    weights /= weights.sum(1, keepdims=True)
    return np.einsum("qk,qkd->qd", weights, xy[rows]).astype(np.float32)

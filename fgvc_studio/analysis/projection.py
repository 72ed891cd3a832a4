"""From embeddings to few dimensions: PCA, UMAP over our own neighbours, placing of new points."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import neighbours

ReportDone = Callable[[int, int], None]

_COVARIANCE_WORK = 5e10
"""Multiply-adds up to which the exact covariance is cheaper than subspace iteration."""
_BLOCK_ROWS = 8_192
_TEMPERATURE = 0.05
"""Sharpness of the weights with which neighbours pull a new point."""

_numba_lock = threading.Lock()


def components(
    vectors: NDArray[np.float32], dims: int, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find the leading principal directions.

    The covariance is diagonalised where that is cheap; otherwise blocks of rows go through
    subspace iteration (randomised PCA, Halko et al., arXiv 0909.4061).

    Returns
    -------
    mean : ndarray (D,) float32
    basis : ndarray (D, dims) float32
        Orthonormal columns, largest variance first; the largest entry of each is positive.
        Columns are zero beyond the rank min(N, D).
    """
    n, width = vectors.shape
    mean = np.zeros(width, np.float64)
    for block in _blocks(vectors):
        mean += block.sum(0, dtype=np.float64)
    centre = (mean / max(n, 1)).astype(np.float32)
    kept = min(dims, n, width)
    if float(n) * width * width <= _COVARIANCE_WORK:
        found = _by_covariance(vectors, centre, kept)
    else:
        found = _by_subspace(vectors, centre, kept, seed)
    signs = np.sign(found[np.abs(found).argmax(0), np.arange(kept)])
    basis = np.zeros((width, dims), np.float32)
    basis[:, :kept] = found * np.where(signs == 0, 1, signs)
    return centre, basis


def project(
    vectors: NDArray[np.float32], mean: NDArray[np.float32], basis: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Coordinates (N, dims) float32 of `vectors` on the directions of `components`."""
    out = np.empty((len(vectors), basis.shape[1]), np.float32)
    start = 0
    for block in _blocks(vectors):
        out[start : start + len(block)] = block @ basis - mean @ basis
        start += len(block)
    return out


def pca(vectors: NDArray[np.float32], dims: int = 2, seed: int = 0) -> NDArray[np.float32]:
    """Principal coordinates.

    Parameters
    ----------
    vectors : ndarray (N, D) float32
        Finite; a memmap is read in blocks.

    Returns
    -------
    ndarray (N, dims) float32
    """
    return project(vectors, *components(vectors, dims, seed))


def umap_map(
    vectors: NDArray[np.float32] | str | Path,
    knn_rows: NDArray[np.int64],
    knn_scores: NDArray[np.float32],
    seed: int = 0,
    epochs: int | None = 200,
    *,
    dims: int = 2,
    min_dist: float = 0.1,
    init: str = "pca",
    progress: ReportDone | None = None,
) -> NDArray[np.float32]:
    """UMAP layout (arXiv 1802.03426) over a given neighbour graph.

    Parameters
    ----------
    vectors : ndarray (N, D) float32, or path of a ``.npy`` file
        Needed for the start of the layout only.
    knn_rows, knn_scores : ndarray (N, k)
        As `neighbours.knn_graph` gives them, self left out; UMAP sees k + 1 neighbours.
    seed : int
        Same input and seed give the same layout on the same machine.
    init : str
        ``pca`` or ``spectral``.
    progress : callable, optional
        Called with (epochs done, epochs).

    Returns
    -------
    ndarray (N, dims) float32
        PCA coordinates where there are too few points for a layout.
    """
    if isinstance(vectors, str | Path):
        vectors = np.load(vectors, mmap_mode="r")
    start = pca(vectors, max(dims, 2), seed)[:, :dims]
    count = len(start)
    if count <= dims + 2 or knn_rows.shape[1] < 2:
        return start
    own = np.arange(count)
    missing = knn_rows < 0
    rows = np.column_stack([own, np.where(missing, own[:, None], knn_rows)]).astype(np.int32)
    distances = np.clip(1 - np.where(missing, 1, knn_scores), 0, 2)
    distances = np.column_stack([np.zeros(count), distances]).astype(np.float32)
    with _numba_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import umap

        layout = umap.UMAP(
            n_neighbors=rows.shape[1],
            n_components=dims,
            min_dist=min_dist,
            metric="cosine",
            n_epochs=epochs,
            init=init,
            random_state=seed,
            n_jobs=1,
            precomputed_knn=(rows, distances),
            tqdm_kwds=_tqdm_options(progress),
        )
        # With the graph and the start given, UMAP needs no vectors: the small matrix spares it a
        # copy and a hash of the large one.
        found = np.asarray(layout.fit_transform(start), np.float32)
    return np.where(np.isfinite(found), found, start)


def place(
    new_vectors: NDArray[np.float32],
    vectors: NDArray[np.float32],
    xy: NDArray[np.float32],
    k: int = 15,
) -> NDArray[np.float32]:
    """Put new points on an existing map by the weighted mean of their neighbours' places.

    Parameters
    ----------
    new_vectors : ndarray (M, D) float32
    vectors : ndarray (N, D) float32
        Those on the map.
    xy : ndarray (N, 2) float32

    Returns
    -------
    ndarray (M, 2) float32
        The centre of the map for a point without neighbours.
    """
    rows, scores = neighbours.search(vectors, new_vectors, k)
    best = np.maximum(scores[:, :1], -1)
    weights = np.where(rows >= 0, np.exp((scores - best) / _TEMPERATURE), 0)
    total = weights.sum(1, keepdims=True)
    if not len(xy):
        return np.zeros((len(rows), 2), np.float32)
    centre = np.asarray(xy, np.float32).mean(0)
    pulled = np.einsum("qk,qkd->qd", weights, xy[np.maximum(rows, 0)])
    return np.where(total > 0, pulled / np.where(total > 0, total, 1), centre).astype(np.float32)


def warm_up() -> None:
    """Compile UMAP's kernels by laying out 50 points (10 to 20 s in a fresh process)."""
    rng = np.random.default_rng(0)
    points = rng.standard_normal((50, 8)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    rows, scores = neighbours.knn_graph(points, 14)
    umap_map(points, rows, scores, epochs=5)


def _by_covariance(
    vectors: NDArray[np.float32], mean: NDArray[np.float32], dims: int
) -> NDArray[np.float64]:
    """Leading eigenvectors (D, dims) of the covariance."""
    width = vectors.shape[1]
    scatter = np.zeros((width, width), np.float64)
    for block in _blocks(vectors):
        centred = block - mean
        scatter += centred.T @ centred
    _, found = np.linalg.eigh(scatter)
    return np.asarray(found[:, ::-1][:, :dims], np.float64)


def _by_subspace(
    vectors: NDArray[np.float32], mean: NDArray[np.float32], dims: int, seed: int
) -> NDArray[np.float64]:
    """Leading right singular vectors (D, dims) by subspace iteration with oversampling."""
    width = vectors.shape[1]
    basis = np.random.default_rng(seed).standard_normal((width, min(dims + 16, width)))
    gram = np.empty(0)
    for _ in range(6):
        basis = np.linalg.qr(basis)[0].astype(np.float32)
        image = np.zeros(basis.shape, np.float64)
        gram = np.zeros((basis.shape[1],) * 2, np.float64)
        shift = mean @ basis
        for block in _blocks(vectors):
            scores = block @ basis - shift
            # block' scores equals the centred product up to mean * sum(scores), which is zero
            # over all rows.
            image += block.T @ scores
            gram += scores.T @ scores
        previous, basis = basis, image
    _, turn = np.linalg.eigh(gram)
    return np.asarray(previous @ turn[:, ::-1][:, :dims], np.float64)


def _blocks(vectors: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Views of consecutive rows."""
    return [vectors[at : at + _BLOCK_ROWS] for at in range(0, len(vectors), _BLOCK_ROWS)]


def _tqdm_options(progress: ReportDone | None) -> dict[str, object] | None:
    """Have UMAP's progress bar written to `progress`."""
    if progress is None:
        return None
    return {
        "disable": False,
        "file": _EpochSink(progress),
        "bar_format": "{n_fmt}/{total_fmt}",
        "mininterval": 0.25,
        "desc": None,
    }


class _EpochSink:
    """A file for tqdm that understands ``done/total``."""

    def __init__(self, progress: ReportDone) -> None:
        self._progress = progress

    def write(self, text: str) -> int:
        """Report if the text is a count."""
        done, slash, total = text.strip().partition("/")
        if slash and done.isdigit() and total.isdigit():
            self._progress(int(done), int(total))
        return len(text)

    def flush(self) -> None:
        """Do nothing; tqdm calls it."""

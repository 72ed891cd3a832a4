"""Simple models on frozen vectors: neighbours' vote, linear probe, discriminant space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import neighbours

TEMPERATURE = 0.07
PCA_DIMS = 128
PCA_SAMPLE = 50_000
TRANSFORM_BLOCK = 16_384
LDA_DIMS = 48
LDA_SHRINKAGE = 0.3
PROBE_C = 0.01
VOTE_BLOCK = 1 << 22
"""Votes (queries x classes) held at a time."""

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


def unit(vectors: NDArray[np.floating]) -> Floats:
    """Rows of length 1; rows of zeros stay as they are."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), np.float32)


def votes(
    labels: Labels, scores: NDArray[np.floating], classes: int, temperature: float = TEMPERATURE
) -> NDArray[np.float64]:
    """Share of the vote of each class; a neighbour weighs ``exp(cosine / temperature)``.

    Parameters
    ----------
    labels : ndarray (Q, k) int64
        Class of each neighbour, 0 .. classes-1; -1 where there is none.
    scores : ndarray (Q, k) float

    Returns
    -------
    ndarray (Q, classes) float64
    """
    weights = np.exp((np.asarray(scores, np.float64) - 1.0) / temperature)
    weights[labels < 0] = 0.0
    keys = np.maximum(labels, 0) + classes * np.arange(len(labels))[:, None]
    sums = np.bincount(keys.ravel(), weights.ravel(), minlength=classes * len(labels))
    shares = sums.reshape(len(labels), classes)
    return shares / np.maximum(shares.sum(1, keepdims=True), 1e-300)


def weighted_knn(
    gallery: Floats,
    gallery_labels: Labels,
    queries: Floats,
    k: int = 10,
    own: NDArray[np.int64] | None = None,
) -> Labels:
    """Label of each query by the weighted vote of its k nearest gallery rows, ``(Q,)``.

    The query itself does not vote; -1 where the gallery holds nothing else.
    """
    names, coded = np.unique(gallery_labels, return_inverse=True)
    rows, scores = neighbours.search(gallery, queries, k, own)
    near = np.where(rows >= 0, coded[np.maximum(rows, 0)], -1)
    found = np.full(len(queries), -1, np.int64)
    step = max(1, VOTE_BLOCK // max(1, len(names)))
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        some = (near[part] >= 0).any(1)
        best = votes(near[part], scores[part], len(names)).argmax(1)
        found[part] = np.where(some, names[best], -1)
    return found


def linear_probe(
    train: Floats, train_labels: Labels, queries: Floats, c: float = PROBE_C
) -> Labels:
    """Labels ``(Q,)`` by logistic regression on standardised vectors.

    Raises
    ------
    ValueError
        Fewer than two classes to learn.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=1000))
    model.fit(np.asarray(train, np.float32), train_labels)
    return np.asarray(model.predict(np.asarray(queries, np.float32)), np.int64)


def pca_space(vectors: Floats, dims: int = PCA_DIMS, *, seed: int = 0) -> Floats:
    """The leading principal components, l2-normalised, ``(N, min(dims, D, N))``.

    Fitted by scikit-learn's randomised solver, as the frozen baselines were: it differs from
    `projection.pca` in the last components, which move the numbers by half a point.
    """
    from sklearn.decomposition import PCA

    model = PCA(min(dims, *vectors.shape), random_state=seed)
    rows = np.arange(len(vectors))
    if len(rows) > PCA_SAMPLE:
        rows = np.random.default_rng(seed).choice(len(rows), PCA_SAMPLE, replace=False)
    model.fit(np.asarray(vectors[np.sort(rows)]))
    blocks = range(0, len(vectors), TRANSFORM_BLOCK)
    return np.concatenate(
        [unit(model.transform(np.asarray(vectors[at : at + TRANSFORM_BLOCK]))) for at in blocks]
    )


def lda_space(
    components: Floats,
    rows: NDArray[np.int64],
    labels: Labels,
    dims: int = LDA_DIMS,
    shrinkage: float = LDA_SHRINKAGE,
) -> Floats:
    """Shrunken linear discriminants fitted on the labelled rows, applied to all, l2-normalised.

    Parameters
    ----------
    components : ndarray (N, D) float32
        From `pca_space`.
    rows : ndarray (M,) int64
        Rows with a label.
    labels : ndarray (M,) int64

    Returns
    -------
    ndarray (N, E) float32
        E is at most the number of classes less one.

    Raises
    ------
    ValueError
        Fewer than two classes.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    wanted = min(dims, len(np.unique(labels)) - 1, components.shape[1])
    if wanted < 1:
        raise ValueError("A discriminant space needs two classes.")
    model = LinearDiscriminantAnalysis(solver="eigen", shrinkage=shrinkage, n_components=wanted)
    model.fit(components[rows], labels)
    return unit(model.transform(components))

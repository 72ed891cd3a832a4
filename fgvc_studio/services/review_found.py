"""What a discovery leaves open, taken from the space: membership, relations, purity."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.clusters import Found
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress

if TYPE_CHECKING:
    from fgvc_studio.domain.embeddings import EmbeddingSpace
    from fgvc_studio.services.studio import Studio

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]
Facts = dict[str, NDArray[Any]]
MOST_LABELLED = 20_000
_FLAT = 0.95
"""Part of the largest entropy from which a relation says nothing."""
_OWN = 0.1
"""A cluster fits into a category when it lies nearer than one in ten of its own items."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """The named items of a space.

    Attributes
    ----------
    categories : ndarray (C,) int64
    centres : ndarray (C, D) float32
        Unit means.
    own : ndarray (C,) float32
        Cosine to the centre that nine in ten of a category's items exceed.
    """

    categories: Ids
    centres: Floats
    own: Floats


def known_of(studio: Studio, space: EmbeddingSpace) -> Known:
    """Centres of all categories with labelled items in a space."""
    from fgvc_studio.analysis.cluster_quality import means

    category = _labels(studio, space)
    rows = np.flatnonzero(category)
    if len(rows) > MOST_LABELLED:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_LABELLED, replace=False))
    names, index = np.unique(category[rows], return_inverse=True)
    vectors = np.asarray(space.vectors[rows], np.float32)
    centres = means(vectors, index.astype(np.int64), len(names))
    cosines = np.einsum("nd,nd->n", vectors, centres[index]) if len(rows) else np.empty(0)
    own = np.array(
        [np.quantile(cosines[index == c], _OWN) for c in range(len(names))], np.float32
    )  # fmt: skip
    return Known(names.astype(np.int64), centres, own)


def _labels(studio: Studio, space: EmbeddingSpace) -> Ids:
    """Category of each row of a space, 0 for none."""
    labels = studio.catalogue.category
    ids = np.minimum(space.item_ids, len(labels))
    return np.where(space.item_ids <= len(labels), labels[ids - 1], 0).astype(np.int64)


def space_of(studio: Studio, name: str) -> EmbeddingSpace | None:
    """The space of a discovery, or the default one; None without any."""
    for wanted in (name or None, None):
        try:
            return studio.exploring.space(wanted)
        except UserError:
            continue
    return None


def unnamed_of(studio: Studio, found: Found) -> Found:
    """A discovery without what was named while it was looked for, if anything is left then."""
    category = studio.catalogue.category
    inside = found.item_ids <= len(category)
    kept = np.ones(len(found.item_ids), bool)
    kept[inside] = category[found.item_ids[inside] - 1] == 0
    return found.only(kept) if kept.any() and not kept.all() else found


def completed(studio: Studio, found: Found, seed: int = 0) -> Generator[Progress, None, Facts]:
    """All arrays to keep of a discovery; what its source does not know comes from the space.

    Raises
    ------
    UserError
        No items, or arrays that do not fit each other.
    """
    _check(studio, found)
    n, count = len(found.item_ids), found.count

    def kept(values: Floats) -> Floats:
        return values.astype(np.float32) if len(values) else np.full(n, np.nan, np.float32)

    facts: Facts = {
        "item_ids": found.item_ids.astype(np.int64),
        "cluster": found.cluster.astype(np.int64),
        "confidence": kept(found.confidence),
        "margin": kept(found.margin),
        "agreement": kept(found.agreement),
        "runner_up": found.runner_up if len(found.runner_up) else np.full(n, -1, np.int64),
        "relation": found.relation,
        "relation_cosine": found.relation_cosine,
        "known": found.known.astype(np.int64),
        "stability": found.stability
        if len(found.stability)
        else np.full(count, np.nan, np.float32),
        "gated": found.gated.astype(np.int64),
        "gated_category": found.gated_category.astype(np.int64),
        "curve": np.asarray(found.curve, np.float64).reshape(-1, 2),
        "quality": kept(np.empty(0, np.float32)),
        "fits": np.full(count, np.nan, np.float32),
        "halves": np.ones(count, np.float32),
    }
    space = space_of(studio, found.space)
    if space is None:
        return facts
    yield from _from_space(studio, found, space, facts, seed)
    return facts


def _from_space(
    studio: Studio, found: Found, space: EmbeddingSpace, facts: Facts, seed: int
) -> Generator[Progress, None, None]:
    from fgvc_studio.analysis import cluster_quality as cq
    from fgvc_studio.analysis import purity

    count = found.count
    rows = space.rows_of(facts["item_ids"])
    inside = np.flatnonzero(rows >= 0)
    if len(inside) < 2:
        return
    vectors = np.asarray(space.vectors[rows[inside]], np.float32)
    cluster = facts["cluster"][inside]
    yield Progress(0, 2, "Judging the clusters")
    data = cq.compact(vectors, seed)
    if not len(found.confidence):
        member = cq.membership(data, cluster, count)
        facts["confidence"][inside], facts["margin"][inside] = member.confidence, member.margin
        facts["runner_up"][inside] = member.runner_up
    for k in range(count):
        facts["halves"][k] = cq.halves(data[cluster == k], seed)
    facts["quality"][inside] = cq.quality(data, cluster, count, seed)
    yield Progress(1, 2, "Comparing with known categories")
    known = known_of(studio, space)
    if len(known.categories):
        _relate(facts, vectors, cluster, count, known)
    labels = _labels(studio, space)
    named = np.flatnonzero(labels)
    if len(named) > MOST_LABELLED:
        named = np.sort(np.random.default_rng(seed).choice(named, MOST_LABELLED, replace=False))
    if purity.enough(labels[named]):
        # Cr-KD knows the named categories, and so does the guided grouping that stands for it.
        plain = ("kmeans", "umap-kmeans", "hdbscan")
        method = found.source if found.source in plain else "guided"
        facts["purity"] = yield from studio.exploring.lane().run(
            purity.calibrate,
            np.asarray(space.vectors[named], np.float32),
            labels[named],
            method,
            seed,
            title="Measuring how pure such clusters are",
        )


def _relate(facts: Facts, vectors: Floats, cluster: Ids, count: int, known: Known) -> None:
    """Relations to known categories where the source gave none that tell anything, and whether a
    cluster fits one.
    """
    from fgvc_studio.analysis import cluster_quality as cq

    cosines = vectors @ known.centres.T
    # All photos of a project share a direction; without it the shares tell categories apart.
    shared = known.centres.mean(0)
    apart = _unit(vectors - shared) @ _unit(known.centres - shared).T
    sizes = np.maximum(np.bincount(cluster, minlength=count), 1)[:, None]

    def averaged(values: Floats) -> Floats:
        sums = np.zeros((count, values.shape[1]), np.float64)
        np.add.at(sums, cluster, values)
        return np.asarray(sums / sizes, np.float32)

    mean = averaged(cosines)
    if not facts["relation"].size or _flat(facts["relation"]):
        facts["relation"], facts["relation_cosine"] = averaged(cq.softmax(apart)), mean
        facts["known"] = known.categories
    top = facts["known"][facts["relation"].argmax(1)]
    for k, category in enumerate(top):
        at = np.flatnonzero(known.categories == category)
        if len(at):
            facts["fits"][k] = mean[k, at[0]] - known.own[at[0]]


def _flat(relation: Floats) -> bool:
    """Whether most clusters resemble all categories alike, as after learning from few items."""
    shares = np.nan_to_num(relation.astype(np.float64))
    spread = -(shares * np.log(np.maximum(shares, 1e-12))).sum(1)
    return relation.shape[1] > 1 and bool(np.median(spread) > _FLAT * np.log(relation.shape[1]))


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)


def _check(studio: Studio, found: Found) -> None:
    n = len(found.item_ids)
    if not n:
        raise UserError("There are no items to propose.", "Choose items without a label.")
    if len(np.unique(found.item_ids)) != n:
        raise UserError("An item stands twice in the discovery.", "Give each item once.")
    last = int(found.item_ids.max())
    if found.item_ids.min() < 1 or last > studio.catalogue.n:
        raise UserError(
            f"There is no item {last}.", f"The items of this project are 1 to {studio.catalogue.n}."
        )
    wanted: dict[str, NDArray[Any]] = {
        "cluster": found.cluster, "confidence": found.confidence, "margin": found.margin,
        "agreement": found.agreement, "runner_up": found.runner_up,
    }  # fmt: skip
    for name, values in wanted.items():
        if len(values) != n and (len(values) or name == "cluster"):
            raise UserError(
                f"{name} holds {len(values):,} values for {n:,} items.", "Give one for each item."
            )
    if found.cluster.min() < 0:
        raise UserError("Some items are in no cluster.", "Leave them out of the discovery.")

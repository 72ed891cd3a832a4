"""What the expert gets of a run: clusters, how sure they are, the known classes they resemble."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fgvc_studio.methods.crkd.model import CrkdNetwork, KnownNetwork
from fgvc_studio.methods.crkd.rounds import matched_pairs

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]
RELATION_TAU = 0.1


@dataclass(frozen=True, slots=True)
class Logits:
    """Cosines of n items.

    Attributes
    ----------
    known : ndarray (n, C) float32
        Of the student.
    novel : ndarray (H, n, K) float32
    teacher : ndarray (n, C) float32
    """

    known: Floats
    novel: Floats
    teacher: Floats


@dataclass(frozen=True, slots=True)
class Proposals:
    """Clusters of the pool.

    Attributes
    ----------
    rows : ndarray (n,) int64
        Items of the pool, as rows of the run.
    assignment : ndarray (n,) int64
        Cluster, 0 .. K-1, by the aligned and averaged heads.
    probabilities : ndarray (n, K) float32
        Soft membership; rows sum to 1.
    confidence, margin : ndarray (n,) float32
        Largest membership, and its lead over the second.
    agreement : ndarray (n,) float32
        Part of the heads that put the item into its cluster.
    by_head : ndarray (H, n) int64
        Cluster by each head alone, in the numbers of the best head.
    best_head : int
    relation, relation_cosine : ndarray (K, C) float32
        Mean probability (temperature .1) and cosine of the known classes by the teacher; NaN for
        an empty cluster.
    """

    rows: Labels
    assignment: Labels
    probabilities: Floats
    confidence: Floats
    margin: Floats
    agreement: Floats
    by_head: Labels
    best_head: int
    relation: Floats
    relation_cosine: Floats

    @property
    def sizes(self) -> Labels:
        """Items of each cluster, (K,)."""
        return np.bincount(self.assignment, minlength=self.probabilities.shape[1]).astype(np.int64)

    @property
    def runner_up(self) -> Labels:
        """Second cluster of each item, (n,); the first where there is one only."""
        order = np.argsort(-self.probabilities, axis=1, kind="stable")
        return order[:, min(1, order.shape[1] - 1)].astype(np.int64)


@torch.no_grad()
def logits(network: CrkdNetwork, teacher: KnownNetwork, batches: Iterable[Tensor]) -> Logits:
    """Cosines of clean inputs, by networks in eval mode with unit prototypes."""
    network.normalise()
    network.eval()
    teacher.eval()
    known, novel, taught = [], [], []
    for inputs in batches:
        seen = network.see(inputs)
        known.append(seen.known.float().cpu())
        novel.append(torch.stack(seen.novel[: network.main_heads]).float().cpu())
        taught.append(teacher([inputs])[0].float().cpu())
    return Logits(torch.cat(known).numpy(), torch.cat(novel, 1).numpy(), torch.cat(taught).numpy())


def alignment(novel: Floats, best_head: int) -> Labels:
    """Which cluster of each head is which of the best head: (H, K), own number at [h, k of best].

    Parameters
    ----------
    novel : ndarray (H, n, K)
    """
    heads, _, count = novel.shape
    hard = novel.argmax(2)
    orders = np.empty((heads, count), np.int64)
    for h in range(heads):
        pairs = matched_pairs(hard[h], hard[best_head], (count, count))
        if h == best_head:
            pairs = {k: k for k in range(count)}
        left = sorted(set(range(count)) - set(pairs.values()))
        for k in range(count):
            orders[h, k] = pairs[k] if k in pairs else left.pop(0)
    return orders


def aligned(novel: Floats, orders: Labels) -> Floats:
    """Cosines (H, n, K) with the clusters of every head in the numbers of the best one."""
    return np.stack([z[:, order] for z, order in zip(novel, orders, strict=True)])


def propose(
    rows: Labels, found: Logits, best_head: int, tau: float = 0.1, orders: Labels | None = None
) -> Proposals:
    """Clusters out of the cosines of the pool.

    Parameters
    ----------
    orders : ndarray (H, K), optional
        See `alignment`; found on these items by default.
    """
    if orders is None:
        orders = alignment(found.novel, best_head)
    same = aligned(found.novel, orders)
    shares = _softmax(same / tau).mean(0)
    assignment = shares.argmax(1)
    ranked = np.sort(shares, axis=1)
    second = ranked[:, -2] if shares.shape[1] > 1 else np.zeros(len(shares), np.float32)
    by_head = same.argmax(2)
    relations = []
    for values in (_softmax(found.teacher / RELATION_TAU), found.teacher):
        sums = np.zeros((shares.shape[1], values.shape[1]), np.float64)
        np.add.at(sums, assignment, values)
        sizes = np.bincount(assignment, minlength=shares.shape[1])[:, None]
        means = np.where(sizes > 0, sums / np.maximum(sizes, 1), np.nan)
        relations.append(means.astype(np.float32))
    return Proposals(
        rows=rows,
        assignment=assignment.astype(np.int64),
        probabilities=shares.astype(np.float32),
        confidence=ranked[:, -1].astype(np.float32),
        margin=(ranked[:, -1] - second).astype(np.float32),
        agreement=(by_head == assignment).mean(0).astype(np.float32),
        by_head=by_head.astype(np.int64),
        best_head=best_head,
        relation=relations[0],
        relation_cosine=relations[1],
    )


def anywhere(found: Logits, orders: Labels, tau: float = 0.1) -> Labels:
    """Task-agnostic prediction (n,): known class, or C + cluster, by the mean of the heads."""
    known = np.broadcast_to(found.known, (len(found.novel), *found.known.shape))
    both = np.concatenate([known, aligned(found.novel, orders)], axis=2)
    return _softmax(both / tau).mean(0).argmax(1).astype(np.int64)


def _softmax(values: NDArray[np.floating]) -> Floats:
    powers = np.exp(values - values.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True), np.float32)

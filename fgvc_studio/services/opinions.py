"""Queues of items that deserve a look: where opinions differ, are weak, or nobody has looked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.clusters import ClusterState
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.prototypes import Opinion
from fgvc_studio.domain.records import LabelSource
from fgvc_studio.services import prototypes_suggest, prototypes_table
from fgvc_studio.services.exploring import TEMPERATURE, VOTES

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]
NEW = -1
"""In the place of a category: something new."""
_ALL_BELOW = 2e11
"""Multiplications up to which every item is asked for its neighbours; a few seconds."""
_ASKED = 4_000
"""Items that are asked for their neighbours in larger projects: those most in dispute so far."""
_LEAST_VOICES = 2


@dataclass(frozen=True, eq=False)
class Voice:
    """What one source says of all items.

    Attributes
    ----------
    says, new : str
        Sentence with ``{name}`` and ``{share}``; sentence for something new.
    category : ndarray (N,) int64
        0: says nothing; `NEW`: something new.
    share : ndarray (N,) float64
        How sure, 0 .. 1.
    second : ndarray (N,) float64
        Share of its second choice.
    """

    says: str
    category: Ids
    share: Floats
    second: Floats
    new: str = ""


class Opinions:
    """Ranks items for review.

    Parameters
    ----------
    studio : Studio
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def second_opinion(self, limit: int = 100) -> list[Opinion]:
        """Items about which label, neighbours, prototypes and discovery disagree, the most first.

        The score is the probability that two of the voices, each drawn with its certainty, name
        different categories. Items that a person has reviewed and that all others agree on do
        not appear.
        """
        voices = [self._label(), self._prototypes(), self._discovery()]
        asked = self._asked(voices)
        voices.insert(1, self._neighbours(asked))
        told = [voice for voice in voices if voice is not None]
        score = disagreement(told)
        return self._ranked(score, limit, told)

    def uncertain(self, limit: int = 100) -> list[Opinion]:
        """Items that no person has named, the least sure of the best two categories first.

        By the prototypes where there are some, else by the neighbours.
        """
        voice = self._prototypes()
        if voice is None:
            voice = self._neighbours(None)
        if voice is None:
            raise UserError(
                "There is nothing yet that could be unsure.",
                "Embed the images and label some, or train st-protopnet.",
            )
        columns = self._studio.catalogue.columns
        score = 1 - (voice.share - voice.second)
        score = np.where(voice.category == NEW, 0.5 + voice.share / 2, score)
        score[(voice.category == 0) | columns.reviewed] = 0.0
        return self._ranked(score, limit, [voice])

    def unreviewed(self, limit: int = 100) -> list[Opinion]:
        """Items whose label no person has given or confirmed, the least sure first."""
        columns = self._studio.catalogue.columns
        score = np.where(
            (columns.category > 0) & ~columns.reviewed, 1.0 + 1e-6 - columns.confidence, 0.0
        )
        words = {
            LabelSource.MODEL: "a model", LabelSource.IMPORT: "an import",
            LabelSource.CLUSTER: "a cluster",
        }  # fmt: skip
        made = []
        for row in _largest(score, limit):
            name = self._studio.catalogue.name(int(columns.category[row]))
            by = words.get(LabelSource(int(columns.source[row])), "a person")
            sure = float(columns.confidence[row])
            made.append(
                Opinion(int(row) + 1, float(min(score[row], 1.0)),
                        (f"Named {name} by {by} ({sure:.2f}); nobody has looked.",))
            )  # fmt: skip
        return made

    def _ranked(self, score: Floats, limit: int, voices: list[Voice]) -> list[Opinion]:
        name = self._studio.catalogue.short_name
        made = []
        for row in _largest(score, limit):
            why = []
            for voice in voices:
                c = int(voice.category[row])
                if c == NEW:
                    why.append(voice.new)
                elif c:
                    why.append(voice.says.format(name=name(c), share=f"{voice.share[row]:.2f}"))
            made.append(Opinion(int(row) + 1, float(score[row]), tuple(why)))
        return made

    # ---- voices ----------------------------------------------------------------------------
    def _label(self) -> Voice:
        columns = self._studio.catalogue.columns
        category = columns.category.astype(np.int64)
        share = np.where(columns.reviewed, 1.0, columns.confidence).astype(np.float64)
        return Voice("Labelled {name}.", category, share * (category > 0), np.zeros(len(share)))

    def _prototypes(self) -> Voice | None:
        """Of the run under review, as far as it was prepared; bans in force."""
        prototypes, n = self._studio.prototypes, self._studio.catalogue.n
        try:
            opened = prototypes.opened()
            off = prototypes.bans(opened.name)
            rows, logits = prototypes_table.logits_without(opened, off)
        except UserError:
            return None
        rows, logits = rows[rows < n], logits[rows < n]
        sure, strange = prototypes_suggest.confidences(opened, rows, logits, off)
        voice = self._spread(rows, opened.bundle.category_ids, sure, "The prototypes say {name}")
        odd = rows[strange]
        voice.category[odd] = NEW
        voice.share[odd] = 1 - voice.share[odd] / 2  # one in twenty known items seems strange, too
        voice.second[odd] = 0
        return replace(voice, new="The prototypes know nothing like it.")

    def _discovery(self) -> Voice | None:
        """Clusters under review: accepted or sent ones name a category, undecided ones say new."""
        review, n = self._studio.review, self._studio.catalogue.n
        found = review.clusters_of(self._studio.catalogue.item_ids)
        if not found.any():
            return None
        clusters = {c.id: c for c in review.clusters() if c.state is not ClusterState.REJECTED}
        said = {i: int(c.category_id or NEW) for i, c in clusters.items()}
        sure = {i: float(c.confidence) for i, c in clusters.items()}
        known = np.array([int(i) in said for i in found])
        category = np.array([said.get(int(i), 0) for i in found], np.int64)
        share = np.array([np.nan_to_num(sure.get(int(i), 0.0)) for i in found])
        share = np.where(known, np.clip(share, 0.5, 1.0), 0.0)
        return Voice(
            "The discovery says {name} ({share}).",
            category,
            share,
            np.zeros(n),
            "The discovery puts it into a new cluster.",
        )

    def _neighbours(self, asked: Ids | None) -> Voice | None:
        """Vote of the nearest other labelled items, for some rows or (None) all."""
        from fgvc_studio.analysis import neighbours

        catalogue = self._studio.catalogue
        try:
            space = self._studio.exploring.space()
        except UserError:
            return None
        labels = np.zeros(len(space.item_ids), np.int64)
        there = space.item_ids <= catalogue.n
        labels[there] = catalogue.category[space.item_ids[there] - 1]
        named = np.flatnonzero(labels)
        if not len(named):
            return None
        queries = np.arange(len(labels))
        if asked is not None:
            queries = np.flatnonzero(np.isin(space.item_ids - 1, asked))
        queries = queries[there[queries]]
        at = np.minimum(np.searchsorted(named, queries), len(named) - 1)
        rows, scores = neighbours.search(
            np.asarray(space.vectors[named]),
            np.asarray(space.vectors[queries]),
            VOTES,
            np.where(named[at] == queries, at, -1),
        )
        weight = np.where(rows >= 0, np.exp((scores - 1) / TEMPERATURE), 0.0)
        ids, places = np.unique(labels[named], return_inverse=True)
        votes = np.zeros((len(queries), len(ids)))
        which = places[np.maximum(rows, 0)]
        np.add.at(votes, (np.arange(len(queries))[:, None], which), weight)
        total = votes.sum(1, keepdims=True)
        votes = np.divide(votes, total, out=votes, where=total > 0)
        rows_of = space.item_ids[queries] - 1
        return self._spread(rows_of, ids, votes, "Its look-alikes say {name}")

    def _spread(self, rows: Ids, ids: Ids, sure: Floats, words: str) -> Voice:
        """The best two of (n, C) shares, laid out over all items."""
        n = self._studio.catalogue.n
        category, share, second = np.zeros(n, np.int64), np.zeros(n), np.zeros(n)
        if len(rows):
            best = sure.argmax(1)
            at = np.arange(len(rows))
            share[rows] = sure[at, best]
            category[rows] = np.where(share[rows] > 0, ids[best], 0)
            if sure.shape[1] > 1:
                second[rows] = np.partition(sure, -2, 1)[:, -2]
        return Voice(words + " ({share}).", category, share, second)

    def _asked(self, voices: list[Voice | None]) -> Ids | None:
        """Rows to ask for their neighbours; None for all."""
        catalogue = self._studio.catalogue
        try:
            dim = self._studio.exploring.space().info.dim
        except UserError:
            return None
        if catalogue.n * catalogue.labelled * dim <= _ALL_BELOW:
            return None
        told = [voice for voice in voices if voice is not None]
        doubt = disagreement(told)
        for voice in told[1:]:
            doubt = np.maximum(doubt, 0.5 * (1 - (voice.share - voice.second)))
        return np.sort(np.argsort(-doubt, kind="stable")[:_ASKED]).astype(np.int64)


def disagreement(voices: list[Voice]) -> Floats:
    """Probability that two different voices, each drawn with its certainty, disagree; (N,).

    0 where fewer than two voices speak, or all name the same category.
    """
    n = len(voices[0].category)
    speaks = np.array([v.category != 0 for v in voices])
    differ, pairs = np.zeros(n), np.zeros(n)
    for a in range(len(voices)):
        for b in range(a + 1, len(voices)):
            both = speaks[a] & speaks[b]
            unlike = both & (voices[a].category != voices[b].category)
            differ += np.where(unlike, voices[a].share * voices[b].share, 0)
            pairs += both
    found = np.divide(differ, pairs, out=np.zeros(n), where=pairs > 0)
    found[speaks.sum(0) < _LEAST_VOICES] = 0
    return found


def _largest(score: Floats, limit: int) -> Ids:
    """Rows with a positive score, the largest first, ties by row."""
    rows = np.flatnonzero(score > 0)
    return rows[np.argsort(-score[rows], kind="stable")][: max(0, limit)]

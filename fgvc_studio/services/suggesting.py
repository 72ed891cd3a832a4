"""Names proposed by neighbours in a space, with calibrated confidence, one or many at a time."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.records import LabelSource, Progress
from fgvc_studio.services.drift_report import TAUGHT
from fgvc_studio.services.suggested import Advice, Bulk, Share, Suggestion

if TYPE_CHECKING:
    from fgvc_studio.analysis.selecting import Calibration, Scored
    from fgvc_studio.domain.embeddings import EmbeddingSpace
    from fgvc_studio.services.studio import Studio

MOST_KNOWN = 20_000
"""Named items that the confidence is calibrated on before many are named at once."""
AT_ONCE = 3_000
"""As many are enough for the confidence shown beside one item, and take seconds, not minutes."""
_STRANGERS = 2_000
_BLOCK = 2_048
_LEAST_KNOWN = 10
_STALE = 0.1
"""Part of the labels that may change before the confidence is calibrated anew."""

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Known:
    """The named items of a space, and what they say about being named by neighbours."""

    space: str
    ids: Ids
    rows: Ids
    labels: Ids
    checked: Ids
    found: Scored
    strangers: Scored
    nothing: float
    calibration: Calibration


class Suggesting:
    """Proposals from a space.

    Parameters
    ----------
    studio : Studio
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._kept: _Known | None = None
        self._lock = Lock()

    # ---- one item --------------------------------------------------------------------------
    def of_item(self, item_id: int, k: int = 5, *, space: str | None = None) -> Advice:
        """Proposed names of an item, best first; its rejected categories are left out.

        The first call in a space calibrates, which takes seconds; call it outside the GUI thread.

        Raises
        ------
        UserError
            The item has no vector in the space.
        """
        exploring = self._studio.exploring
        near = exploring.nearest_labelled(item_id, _votes(), space=space)
        if not near:
            return Advice((), stranger=False, calibrated=False)
        known = self._known(space)
        category = self._studio.catalogue.category
        weights: dict[int, float] = {}
        for other, cosine in near:
            name = int(category[other - 1])
            if name:
                weights[name] = weights.get(name, 0.0) + float(np.exp((cosine - 1) / _warmth()))
        whole = sum(weights.values())
        refused = set(self._studio.store.labels.rejected(item_id))
        ranked = sorted(
            ((c, w) for c, w in weights.items() if c not in refused), key=lambda pair: -pair[1]
        )[:k]
        if known is None or not ranked:
            shares = tuple(Suggestion(c, w / max(whole, 1e-300)) for c, w in ranked)
            return Advice(shares, stranger=False, calibrated=False)
        names = np.array([c for c, _ in ranked], np.int64)
        scores = np.array([w for _, w in ranked]) / (whole + known.nothing)
        sure = known.calibration.confidence(names, scores)
        # A name behind the first cannot be surer than what the first leaves.
        sure[1:] = np.minimum(sure[1:], (1 - sure[0]) * scores[1:] / max(scores[1:].sum(), 1e-12))
        sure = np.minimum.accumulate(sure)  # the order and the numbers say the same
        found = tuple(Suggestion(int(c), float(p)) for c, p in zip(names, sure, strict=True))
        return Advice(found, stranger=whole < known.nothing, calibrated=True)

    # ---- many items ------------------------------------------------------------------------
    def bulk(
        self, error: float = 0.05, *, space: str | None = None, items: ArrayLike | None = None
    ) -> Generator[Progress, None, Bulk]:
        """Choose names for items that have none, under a bound of error in each category.

        Parameters
        ----------
        error : float
            Bound of the expected part of wrong names, for items like those with names.
        items : array int64, optional
            Which items to look at; all without a name by default.

        Raises
        ------
        UserError
            A bound outside 0 .. .5, too few named items, or no space.
        """
        if not 0 < error <= 0.5:
            raise UserError(f"{error} is no bound of error.", "Choose one between 0.01 and 0.5.")
        opened = self._studio.exploring.space(space)
        yield Progress(0, 0, "Calibrating on the named items")
        known = self._known(opened.info.name, fresh=True)
        if known is None:
            raise UserError(
                "Too few items have a name to judge how sure a suggestion is.",
                f"Name at least {_LEAST_KNOWN} items in two categories.",
            )
        ids = self._open(opened, items)
        found = yield from self._proposals(opened, known, ids)
        taught = self._before_teaching(opened.info.name)
        witness = None
        if taught is not None:
            base = self._calibrated(taught, *self._named(taught))
            witness = base, (yield from self._proposals(taught, base, ids))
        return self._chosen(known, ids, found, error, witness)

    def _proposals(
        self, opened: EmbeddingSpace, known: _Known, ids: Ids
    ) -> Generator[Progress, None, Scored]:
        from fgvc_studio.analysis import selecting

        gallery = np.asarray(opened.vectors[known.rows], np.float32)
        rows, parts = opened.rows_of(ids), []
        for start in range(0, len(ids), _BLOCK):
            vectors = np.asarray(opened.vectors[rows[start : start + _BLOCK]], np.float32)
            found = selecting.score(gallery, known.labels, vectors)
            parts.append(selecting.shy(found, known.nothing))
            yield Progress(min(start + _BLOCK, len(ids)), len(ids), "Looking at the others")
        return selecting.joined(parts)

    def _before_teaching(self, space: str) -> EmbeddingSpace | None:
        """The frozen space below one that was taught by labels; None for others.

        A taught space has pushed the named categories apart: how near strangers come to them it
        cannot say, and named items speak for it louder than others would.
        """
        arrays = self._studio.store.arrays
        meta = arrays.meta(space)
        if meta.get("method") not in TAUGHT:
            return None
        run = str(meta.get("run") or "")
        base = next((r.base_space for r in self._studio.training.runs.all() if r.id == run), "")
        if not base or not any(s.name == base for s in arrays.spaces()):
            return None
        return self._studio.exploring.space(base)

    def _chosen(
        self,
        known: _Known,
        ids: Ids,
        found: Scored,
        error: float,
        witness: tuple[_Known, Scored] | None,
    ) -> Bulk:
        from fgvc_studio.analysis import selecting

        stranger = found.weight < known.nothing
        views = [(known, found)]
        if witness is not None:
            views.append(witness)
            stranger |= witness[1].weight < witness[0].nothing
        open_ = (found.best > 0) & ~stranger & ~self._refused(ids, found.best)
        for _, other in views[1:]:
            open_ &= other.best == found.best
        taken = np.zeros(len(ids), bool)
        shares = []
        for name in np.unique(found.best[found.best > 0]):
            mine = np.flatnonzero(open_ & (found.best == name))
            p = np.max([_doubt(view, int(name), scores.score[mine]) for view, scores in views], 0)
            pick = selecting.chosen(p, error)
            taken[mine[pick]] = True
            backed = min(int((view.found.best == name).sum()) for view, _ in views)
            shares.append(Share(int(name), len(mine), int(pick.sum()), backed, self.needs(error)))
        confidence = known.calibration.confidence(found.best[taken], found.score[taken])
        return Bulk(
            known.space,
            error,
            ids[taken],
            found.best[taken],
            confidence,
            len(ids),
            int(stranger.sum()),
            tuple(sorted(shares, key=lambda s: (-s.chosen, -s.proposed))),
        )

    def commit(self, bulk: Bulk, without: ArrayLike = ()) -> OpChanges | None:
        """Name the chosen items as one operation; source model, each with its confidence.

        Parameters
        ----------
        without : array int64
            Items that were found wrong when looking at the sample.

        Raises
        ------
        UserError
            Nothing is left to name.
        """
        named = self._studio.catalogue.category[bulk.item_ids - 1] > 0  # meanwhile
        keep = ~np.isin(bulk.item_ids, np.asarray(without, np.int64)) & ~named
        if not keep.any():
            raise UserError("There is nothing to name.", "Allow more error, or name more yourself.")
        run = self._studio.store.arrays.meta(bulk.space).get("run") or None
        count = int(keep.sum())
        return self._studio.labelling.label_each(
            bulk.item_ids[keep],
            bulk.categories[keep],
            source=LabelSource.MODEL,
            confidence=bulk.confidence[keep],
            summary=f"Accepted {count:,} suggestions of {bulk.space} "
            f"(error at most {100 * bulk.error:g} %)",
            run_id=run,
        )

    def needs(self, error: float) -> int:
        """Named items that a category must have before any of its suggestions is taken."""
        return int(np.ceil(1 / error)) - 1

    # ---- what is known ---------------------------------------------------------------------
    def _known(self, space: str | None, *, fresh: bool = False) -> _Known | None:
        """The named items with their calibration; None where they are too few."""
        opened = self._studio.exploring.space(space)
        ids, labels = self._named(opened)
        with self._lock:
            kept = self._kept
            usable = kept is not None and kept.space == opened.info.name and not fresh
            if usable and kept is not None and _alike(kept, ids, labels):
                return kept
            if len(ids) < _LEAST_KNOWN or len(np.unique(labels)) < 2:
                return None
            most = MOST_KNOWN if fresh else AT_ONCE
            self._kept = self._calibrated(opened, ids, labels, most)
            return self._kept

    def _calibrated(
        self, opened: EmbeddingSpace, ids: Ids, labels: Ids, most: int = MOST_KNOWN
    ) -> _Known:
        from fgvc_studio.analysis import selecting

        rows = opened.rows_of(ids)
        vectors = np.asarray(opened.vectors[rows], np.float32)
        draw = np.random.default_rng(0)
        checked = np.sort(draw.permutation(len(ids))[:most])
        hidden = np.sort(draw.permutation(len(ids))[: min(_STRANGERS, most)])
        strangers = selecting.strangers(vectors, labels, hidden)
        nothing = float(np.median(strangers.weight))
        found = selecting.score(vectors, labels, vectors[checked], checked)
        found, strangers = (selecting.shy(s, nothing) for s in (found, strangers))
        made = selecting.calibrate(found, labels[checked])
        name = opened.info.name
        return _Known(name, ids, rows, labels, checked, found, strangers, nothing, made)

    def _named(self, opened: EmbeddingSpace) -> tuple[Ids, Ids]:
        """Items whose name is no unchecked suggestion, and their categories."""
        columns = self._studio.catalogue.columns
        trusted = (columns.category > 0) & (
            (columns.source != LabelSource.MODEL) | columns.reviewed
        )
        ids = opened.item_ids[opened.item_ids <= columns.n]
        ids = ids[trusted[ids - 1]]
        return ids, columns.category[ids - 1].astype(np.int64)

    def _open(self, opened: EmbeddingSpace, items: ArrayLike | None) -> Ids:
        columns = self._studio.catalogue.columns
        ids = opened.item_ids[opened.item_ids <= columns.n]
        if items is not None:
            ids = np.intersect1d(ids, np.asarray(items, np.int64))
        unnamed: Ids = ids[columns.category[ids - 1] == 0]
        return unnamed

    def _refused(self, ids: Ids, best: Ids) -> NDArray[np.bool_]:
        """Where the expert has said that an item is not of the proposed category."""
        known = self._studio.store.labels.all_rejected()
        found = np.zeros(len(ids), bool)
        for row in np.flatnonzero(np.isin(ids, list(known))) if known else ():
            found[row] = int(best[row]) in known[int(ids[row])]
        return found


def _doubt(known: _Known, name: int, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Conformal p-values of proposals of one category being wrong, by one space."""
    from fgvc_studio.analysis import selecting

    its = known.found.best == name
    right = known.labels[known.checked][its] == name
    foreign = known.strangers.score[known.strangers.best == name]
    stands_for = len(known.checked) / len(known.strangers.best)
    return selecting.p_values(known.found.score[its], right, scores, foreign, stands_for)


def _alike(kept: _Known, ids: Ids, labels: Ids) -> bool:
    """Whether so few names changed that the confidence still holds."""
    if abs(len(ids) - len(kept.ids)) > _STALE * len(kept.ids):
        return False
    return bool(np.isin(np.unique(labels), np.unique(kept.labels)).all())


def _votes() -> int:
    from fgvc_studio.analysis import selecting

    return selecting.NEIGHBOURS


def _warmth() -> float:
    from fgvc_studio.analysis import probes

    return probes.TEMPERATURE

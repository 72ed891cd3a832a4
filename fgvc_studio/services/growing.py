"""Growing a category over look-alikes, and auditing what would be named before it is.

Nothing is written before `Audit.commit`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.records import LabelSource
from fgvc_studio.store.columns import ascending

if TYPE_CHECKING:
    from fgvc_studio.analysis.grow import Bisection
    from fgvc_studio.domain.embeddings import EmbeddingSpace
    from fgvc_studio.services.guiding import Guided
    from fgvc_studio.services.studio import Studio

Ids = NDArray[np.int64]
PAGE = 50
AUDIT_SIZE = 30
_MOST_SEEDS = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One page to look at: its place in the order of likeness, and its items shuffled."""

    number: int
    item_ids: Ids


class GrowSession:
    """One growing: pages of candidates, answers, and what they come to.

    Parameters
    ----------
    studio : Studio
    ordered : ndarray (M,) int64
        Candidates, most alike first.
    page : int
        Items on a page.
    seed : int
        Of the order within a page, which must not give a hint.
    """

    def __init__(
        self,
        studio: Studio,
        ordered: Ids,
        *,
        page: int = PAGE,
        seed: int = 0,
        category: int | None = None,
        cluster: int | None = None,
        scores: NDArray[np.float32] | None = None,
        space: str | None = None,
    ) -> None:
        from fgvc_studio.analysis.grow import Bisection

        if page < 1:
            raise UserError("A page needs an item.", "Show 1 item or more.")
        self._studio = studio
        self.ordered, self.scores = ordered, scores
        self.category, self.cluster, self.space = category, cluster, space
        self._size, self._seed = page, seed
        self._struck: set[int] = set()
        self._rule: Bisection = Bisection(-(-len(ordered) // page))
        self.decisions = 0
        """Answers given and items struck."""

    @property
    def pages(self) -> int:
        """Number of pages in the list."""
        return self._rule.pages

    @property
    def settled(self) -> bool:
        """Whether the last matching page is known."""
        return self._rule.settled

    def page(self) -> Page:
        """The page to judge; the last one judged once settled."""
        number = self._rule.page
        items = self.ordered[number * self._size : (number + 1) * self._size]
        items = items[~np.isin(items, list(self._struck))]
        shuffled = np.random.default_rng((self._seed, number)).permutation(items)
        return Page(number, shuffled)

    def all_match(self) -> None:
        """Everything on the page belongs here: jump ahead."""
        self._answer(True)

    def some_do_not(self) -> None:
        """Not everything does: go back."""
        self._answer(False)

    def _answer(self, matches: bool) -> None:
        if self.settled:
            raise UserError("The list is settled.", "Audit what is proposed, or grow again.")
        self._rule.answer(matches)
        self.decisions += 1

    def strike(self, item_ids: ArrayLike) -> None:
        """Leave single items out; the rest of the page may then match."""
        items = np.asarray(item_ids, np.int64).ravel()
        if not np.isin(items, self.ordered).all():
            raise UserError("Some of these items are no candidates.", "Choose items of the page.")
        self._struck.update(items.tolist())
        self.decisions += len(items)

    @property
    def proposed(self) -> Ids:
        """Items up to the last page that matched, most alike first; those struck left out."""
        items = self.ordered[: (self._rule.good + 1) * self._size]
        found: Ids = items[~np.isin(items, list(self._struck))]
        return found

    def guarded(self, error: float = 0.05) -> Ids:
        """Those proposed that may have this category and no other known one.

        For each other category, a share `error` of its items at most is swept up so, rare ones
        included on average (`conformal`); of unknown categories nothing is promised.

        Raises
        ------
        UserError
            No category is grown, or too few items are named.
        """
        items = self.proposed
        if self.category is None:
            raise UserError("Only a named category can be guarded.", "Accept the cluster first.")
        opened = self._studio.exploring.space(self.space)
        names, may = self._studio.guiding.may_have(opened, items, error)
        own = names == self.category
        found: Ids = items[may[:, own].any(1) & ~may[:, ~own].any(1)]
        return found

    def audit(self, size: int = AUDIT_SIZE, seed: int = 0, *, guard: float = 0.0) -> Audit:
        """An audit of what is proposed, or (with an error rate) of what is `guarded`."""
        items = self.guarded(guard) if guard else self.proposed
        return Audit(self._studio, items, size, seed, category=self.category, cluster=self.cluster)


class Audit:
    """A batch that is proposed and not written, with a random sample of it to check.

    Parameters
    ----------
    items : ndarray (n,) int64
        Best first; `shrink` drops the end.
    size : int
        Items in the sample.

    Attributes
    ----------
    sample : ndarray int64
        Drawn at random from the whole batch.
    """

    def __init__(
        self,
        studio: Studio,
        items: ArrayLike,
        size: int = AUDIT_SIZE,
        seed: int = 0,
        *,
        category: int | None = None,
        cluster: int | None = None,
    ) -> None:
        self._studio = studio
        self._category, self._cluster = category, cluster
        self._size, self._seed = size, seed
        self.items: Ids = np.asarray(items, np.int64).ravel()
        self._wrong: set[int] = set()
        self._judged = False
        self._out: set[int] = set()
        self._draw()

    def _draw(self) -> None:
        drawn = np.random.default_rng(self._seed).permutation(len(self.items))[: self._size]
        self.sample: Ids = self.items[drawn]
        self._wrong, self._judged = set(), False

    def wrong(self, item_ids: ArrayLike = ()) -> None:
        """Judge the sample: these of it are wrong, the others right; the wrong ones stay out."""
        items = set(np.asarray(item_ids, np.int64).ravel().tolist())
        if not items <= set(self.sample.tolist()):
            raise UserError("Some of these items are not in the sample.", "Choose shown ones.")
        self._wrong, self._judged = items, True

    def bound(self, confidence: float = 0.95) -> float:
        """Largest error rate of the batch that the sample leaves plausible.

        Clopper-Pearson, one-sided; the part of the batch that was seen counts as it was seen.
        1 before the sample was judged.
        """
        if not self._judged:
            return 1.0
        from fgvc_studio.analysis.intervals import binomial_upper

        return binomial_upper(len(self._wrong), len(self.sample), confidence)

    def sentence(self, confidence: float = 0.95) -> str:
        """``0 wrong of 30: error at most 9.5 % at 95 %``."""
        if not self._judged:
            return f"Not checked yet: {len(self.sample):,} of {len(self.items):,} items are drawn."
        head = f"{len(self._wrong)} wrong of {len(self.sample)}"
        if len(self.sample) == len(self.items):
            return f"{head}: every item was seen."
        return f"{head}: error at most {self.bound(confidence):.1%} at {confidence:.0%}".replace(
            "%", " %"
        )

    def needed(self, error: float = 0.05, confidence: float = 0.95) -> int:
        """Clean items that a sample needs for an error of at most `error`: 59 for 5 %."""
        if not 0 < error < 1:
            raise ValueError(f"an error rate of {error}")
        return int(np.ceil(np.log(1 - confidence) / np.log(1 - error)))

    def shrink(self, part: float = 0.5) -> None:
        """Keep the best part of the batch and draw a new sample."""
        if not 0 < part < 1:
            raise UserError(f"{part} is no part.", "Keep between 0 and 1 of the batch.")
        self._out |= self._wrong
        kept = self.items[: int(len(self.items) * part)]
        self.items = kept[~np.isin(kept, list(self._out))]
        self._seed += 1
        self._draw()

    def commit(self, category_id: int | None = None) -> OpChanges | None:
        """Name the batch as one operation, wrong ones left out.

        Without a category it becomes part of the cluster that was grown.

        Raises
        ------
        UserError
            Nothing left, no category, or items that a person has named meanwhile.
        """
        items = ascending(self.items[~np.isin(self.items, list(self._wrong | self._out))])
        category = category_id or self._category
        free = items[self._studio.catalogue.category[items - 1] == 0] if len(items) else items
        if not len(free):
            raise UserError("Nothing is left to name.", "Grow again with more candidates.")
        if category is None:
            if self._cluster is None:
                raise UserError("No category is chosen.", "Choose the one to name the items with.")
            return self._studio.review.move(free, self._cluster)
        sure = float(1 - self.bound()) if self._judged else 0.5
        return self._studio.labelling.label(
            free, category, source=LabelSource.CLUSTER, confidence=sure
        )


def start(
    studio: Studio,
    *,
    category: int | None = None,
    cluster: int | None = None,
    items: ArrayLike | None = None,
    space: str | None = None,
    page: int = PAGE,
    seed: int = 0,
) -> GrowSession:
    """Grow a category, a cluster or any items over the unlabelled items of a space.

    Raises
    ------
    UserError
        Not exactly one start, nothing in it, or no candidates.
    """
    from fgvc_studio.analysis import grow
    from fgvc_studio.services.review_found import space_of

    if sum(x is not None for x in (category, cluster, items)) != 1:
        raise UserError("Nothing to grow.", "Choose a category, a cluster or some items.")
    opened = space_of(studio, space or "")
    if opened is None:
        opened = studio.exploring.space(space)  # tells what is missing
    seeds = _seeds(studio, category, cluster, items)
    if cluster is not None:
        category = studio.review.cluster(cluster).category_id
    rows = opened.rows_of(seeds)
    rows = rows[rows >= 0]
    if not len(rows):
        raise UserError("There is nothing to start from.", "Label or choose an embedded item.")
    if len(rows) > _MOST_SEEDS:
        rows = np.random.default_rng(0).choice(rows, _MOST_SEEDS, replace=False)
    candidates = _candidates(studio, opened, seeds, category)
    if not len(candidates):
        raise UserError("No items are left to grow over.", "All items of the space are named.")
    made = studio.guiding.of(opened)
    scores = grow.ranked(
        made.vectors[made.rows_of(np.asarray(opened.item_ids[rows], np.int64))],
        made.vectors[made.rows_of(candidates)],
        _others(studio, made, category),
    )
    order = np.argsort(-scores, kind="stable")
    return GrowSession(
        studio, candidates[order], page=page, seed=seed, category=category, cluster=cluster,
        scores=scores[order], space=opened.info.name,
    )  # fmt: skip


def _others(studio: Studio, made: Guided, category: int | None) -> NDArray[np.float32]:
    """Centres of the named categories but one."""
    from fgvc_studio.analysis.cluster_quality import means

    labels = studio.catalogue.category[made.item_ids - 1].astype(np.int64)
    labels[labels == (category or 0)] = 0
    names, index = np.unique(labels, return_inverse=True)
    return means(made.vectors, index.astype(np.int64), len(names))[names > 0]


def _seeds(
    studio: Studio, category: int | None, cluster: int | None, items: ArrayLike | None
) -> Ids:
    if category is not None:
        return np.flatnonzero(studio.catalogue.category == category).astype(np.int64) + 1
    if cluster is not None:
        return studio.review.members(cluster, 1).ordered
    return np.asarray(items, np.int64).ravel()


def _candidates(studio: Studio, opened: EmbeddingSpace, seeds: Ids, category: int | None) -> Ids:
    """Unlabelled items of the space that are no seeds and not known not to belong."""
    ids = opened.item_ids[opened.item_ids <= studio.catalogue.n]
    free: Ids = ids[(studio.catalogue.category[ids - 1] == 0) & ~np.isin(ids, seeds)]
    if category is not None:
        free = free[~np.isin(free, studio.store.labels.refused(category))]
    return free

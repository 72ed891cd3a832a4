"""Two spaces beside each other by eye: neighbours of one item, and a blind test of strips."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError

if TYPE_CHECKING:
    from fgvc_studio.domain.runs import RunCard
    from fgvc_studio.services.studio import Studio

TRIALS = 20
STRIP = 5
_TRIED = 200

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """The nearest items of one item in one space.

    Attributes
    ----------
    item_ids : ndarray (k,) int64
        Nearest first.
    scores : ndarray (k,) float32
        Cosines.
    shared : ndarray (k,) bool
        Whether the other space has it among its nearest too.
    """

    space: str
    item_ids: Ids
    scores: NDArray[np.float32]
    shared: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One question of a blind test: which strip fits the item better?

    Attributes
    ----------
    first, second : ndarray (k,) int64
        The strips in the order shown.
    trained_first : bool
        Which of them is that of the trained space; not to be shown.
    """

    item_id: int
    first: Ids
    second: Ids
    trained_first: bool


@dataclass(frozen=True, slots=True)
class BlindScore:
    """What a blind test found; kept in the run's card.

    Attributes
    ----------
    trained, frozen, equal : int
        How often each was preferred, or neither.
    low, high : float
        95 % interval of the share of preferences that went to the trained space.
    """

    trained: int
    frozen: int
    equal: int
    low: float
    high: float
    sentence: str
    who: str = ""


def strips(studio: Studio, item_id: int, old: str, new: str, k: int = 8) -> tuple[Strip, Strip]:
    """The k nearest of an item in two spaces.

    Raises
    ------
    UserError
        The item has no vector in one of them.
    """
    found = [studio.exploring.similar_to_item(item_id, k, space=name) for name in (old, new)]
    ids = [near.item_ids[0][near.item_ids[0] > 0] for near in found]
    return (
        Strip(old, ids[0], found[0].scores[0][: len(ids[0])], np.isin(ids[0], ids[1])),
        Strip(new, ids[1], found[1].scores[0][: len(ids[1])], np.isin(ids[1], ids[0])),
    )


def most_changed(
    studio: Studio, old: str, new: str, *, count: int = 50, k: int = 8, seed: int = 0
) -> Ids:
    """Items whose nearest differ most between two spaces, of a sample, most changed first."""
    ids = _sample(studio, old, new, seed)
    shared = [int(strips(studio, int(item), old, new, k)[0].shared.sum()) for item in ids]
    return ids[np.argsort(shared, kind="stable")][:count]


def blind_trials(
    studio: Studio, old: str, new: str, *, count: int = TRIALS, k: int = STRIP, seed: int = 0
) -> tuple[Trial, ...]:
    """Questions about random items whose strips differ, each in a random order.

    Raises
    ------
    UserError
        The two spaces show the same neighbours everywhere.
    """
    rng = np.random.default_rng(seed)
    found: list[Trial] = []
    for item in _sample(studio, old, new, seed):
        before, after = strips(studio, int(item), old, new, k)
        if before.shared.all() and after.shared.all():
            continue
        trained_first = bool(rng.integers(2))
        pair = (after, before) if trained_first else (before, after)
        found.append(Trial(int(item), pair[0].item_ids, pair[1].item_ids, trained_first))
        if len(found) == count:
            break
    if not found:
        raise UserError(
            "Both spaces show the same neighbours for every image tried.",
            "There is nothing to choose between; keep the frozen space.",
        )
    return tuple(found)


def blind_score(trials: Sequence[Trial], answers: Sequence[int], who: str = "") -> BlindScore:
    """Count the answers: 1 the first strip, 2 the second, 0 neither."""
    from fgvc_studio.analysis.intervals import binomial_interval

    trained = frozen = equal = 0
    for trial, answer in zip(trials, answers, strict=True):
        if not answer:
            equal += 1
        elif (answer == 1) is trial.trained_first:
            trained += 1
        else:
            frozen += 1
    decided = trained + frozen
    low, high = binomial_interval(trained, decided)
    if decided and low > 0.5:
        told = "The trained space was preferred"
    elif decided and high < 0.5:
        told = "The frozen space was preferred"
    else:
        told = "Too close to call"
    return BlindScore(
        trained,
        frozen,
        equal,
        low,
        high,
        f"{told}: {trained} for the trained space, {frozen} for the frozen one, {equal} equal "
        f"(share of the trained {100 * low:.0f} to {100 * high:.0f} % at 95 %).",
        who,
    )


def keep_score(studio: Studio, run_id: str, score: BlindScore) -> RunCard:
    """Put a blind test's score into the card of a run."""
    runs = studio.training.runs
    card = dataclasses.replace(runs.card(run_id), blind_test=dataclasses.asdict(score))
    runs.save_card(card)
    return card


def _sample(studio: Studio, old: str, new: str, seed: int) -> Ids:
    spaces = [studio.exploring.space(name) for name in (old, new)]
    ids = np.intersect1d(spaces[0].item_ids, spaces[1].item_ids)
    return np.random.default_rng(seed).permutation(ids)[:_TRIED]

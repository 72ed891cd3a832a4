"""Who is photographed where and when, which images are labelled, what else lies in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from fgvc_studio.sample.scene import Setting
from fgvc_studio.sample.species import SPECIES
from fgvc_studio.sample.traits import Species

SPLITS = ("train", "val", "test")
_SHARES = (0.60, 0.15, 0.25)
BIASED_SPECIES = ("Umbrivola cultrata", "Celeropha lunigera")
"""Species whose training images mostly carry a paper label."""


@dataclass(frozen=True, slots=True)
class Station:
    """Where pictures come from."""

    folder: str
    place: str
    latitude: float
    longitude: float
    grounds: tuple[str, ...]
    sitting: bool
    share: float
    warmth: float
    prefix: str


STATIONS = (
    Station("trap-1", "Kaltenbrunn, meadow edge", 50.4412, 9.9071, ("linen",),
            True, 0.34, 0.05, "IMG"),
    Station("trap-2", "Hohe Leite, beech wood", 50.3527, 10.0644, ("linen", "linen", "bark"),
            True, 0.26, 0.015, "DSC"),
    Station("collection", "Vallombrina, drawer 14", 46.1190, 8.6723, ("cork", "foam", "paper"),
            False, 0.40, -0.01, "SPM"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shot:
    """One planned image.

    Attributes
    ----------
    path : str
        Relative to the image folder, with ``/``.
    labelled : bool
        Whether ``labels.csv`` tells its name.
    """

    path: str
    species: Species
    split: str
    labelled: bool
    station: Station
    taken: datetime
    setting: Setting
    seed: int


@dataclass(frozen=True, slots=True)
class Bias:
    """How strongly paper labels, and loose pins, go with some species.

    Attributes
    ----------
    species : tuple of str
        Binomials that paper labels go with.
    strength : float
        Share of the training images of those species with a label, or a pin.
    elsewhere : float
        Share of all other training and validation images with a label.
    test : float
        Share of test images with a label, whatever the species.
    pinned : tuple of str
        Binomials whose training images show a loose pin beside the moth; no other ones do.
    """

    species: tuple[str, ...] = BIASED_SPECIES
    strength: float = 0.85
    elsewhere: float = 0.06
    test: float = 0.30
    pinned: tuple[str, ...] = ()


def plan_shots(images: int, seed: int, bias: Bias) -> list[Shot]:
    """Plan a data set: at least one image per species, mildly uneven, in shuffled order."""
    rng = np.random.default_rng([seed, 11])
    counts = _counts(images, rng)
    wanted: list[tuple[Species, str, bool]] = []
    for species, count in zip(SPECIES, counts, strict=True):
        splits = _spread(SPLITS, _SHARES, count, rng)
        labelled = np.zeros(count, bool)
        if not species.novel:
            share = rng.uniform(0.35, 0.50)
            labelled[rng.permutation(count)[: max(1, round(share * count))]] = True
        wanted += [(species, s, bool(known)) for s, known in zip(splits, labelled, strict=True)]
    order = rng.permutation(len(wanted))
    numbers = {station.folder: int(rng.integers(120, 4000)) for station in STATIONS}
    shots = []
    for k in order:
        species, split, labelled_one = wanted[k]
        station = STATIONS[int(rng.choice(len(STATIONS), p=[s.share for s in STATIONS]))]
        numbers[station.folder] += int(rng.integers(1, 4))
        shots.append(
            Shot(
                path=f"{station.folder}/{station.prefix}_{numbers[station.folder]:04d}.jpg",
                species=species,
                split=split,
                labelled=labelled_one,
                station=station,
                taken=_moment(station, rng),
                setting=_setting(species, split, station, bias, rng),
                seed=int(rng.integers(2**31)),
            )
        )
    return shots


def _counts(images: int, rng: np.random.Generator) -> list[int]:
    weight = rng.uniform(0.75, 1.3, len(SPECIES))
    extra = images - len(SPECIES)
    counts = 1 + np.floor(weight / weight.sum() * extra).astype(int)
    counts[rng.permutation(len(SPECIES))[: images - counts.sum()]] += 1
    return [int(c) for c in counts]


def _spread(
    names: Sequence[str], shares: Sequence[float], count: int, rng: np.random.Generator
) -> list[str]:
    bounds = np.round(np.cumsum(shares) * count).astype(int)
    which = np.searchsorted(bounds, np.arange(count), side="right")
    return [names[int(k)] for k in rng.permutation(which)]


def _moment(station: Station, rng: np.random.Generator) -> datetime:
    """Summer nights at the traps; office hours in the collection."""
    if station.sitting:
        day = datetime(2026, 5, 10, 21, 30) + timedelta(days=int(rng.integers(0, 120)))
        return day + timedelta(seconds=int(rng.integers(0, 5 * 3600)))
    day = datetime(2026, 1, 12, 9, 0) + timedelta(days=int(rng.integers(0, 60)))
    return day + timedelta(seconds=int(rng.integers(0, 8 * 3600)))


def _setting(
    species: Species, split: str, station: Station, bias: Bias, rng: np.random.Generator
) -> Setting:
    if split == "test":
        odds = bias.test
    elif split == "train" and species.name in bias.species:
        odds = bias.strength
    else:
        odds = bias.elsewhere
    loose = False
    if bias.pinned:  # drawn only then, so that other data sets stay as they are
        drawn = rng.random() < bias.strength
        loose = bool(drawn and split != "test" and species.name in bias.pinned)
    return Setting(
        ground=station.grounds[int(rng.integers(len(station.grounds)))],
        sitting=station.sitting,
        label=bool(rng.random() < odds),
        pin=bool(rng.random() < 0.8) and not station.sitting,
        scale_bar=bool(rng.random() < 0.35) and not station.sitting,
        warmth=station.warmth,
        loose_pin=loose,
    )

"""What a run would take, before it starts: who takes part, disk, and time from measured steps."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress, Split
from fgvc_studio.methods import registry
from fgvc_studio.methods.config import changed
from fgvc_studio.methods.registry import CLUSTERS, LABELLED, Method
from fgvc_studio.services import run_pictures, training_material
from fgvc_studio.services.embedding import default_threads

if TYPE_CHECKING:
    from fgvc_studio.methods.registry import Trainer
    from fgvc_studio.services.studio import Studio

LEAST_FREE = 2_000_000_000
"""Bytes that a run leaves free on the disk; the view cache refuses otherwise."""
_MEASURED = 48
_STEPS = 4
_LONGEST_S = 10.0

Ids = NDArray[np.int64]
Count = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Participants:
    """Who takes part in a run.

    Attributes
    ----------
    items, labelled : int
        Items that take part, and those of them whose label teaches.
    taking, left_out : tuple of (str, int)
        Categories that take part and those with too few items, with their labelled items.
    least : int
        Items that a category needs.
    test : bool
        Whether items of the split test take part.
    """

    items: int
    labelled: int
    taking: tuple[Count, ...]
    left_out: tuple[Count, ...]
    least: int
    test: bool


@dataclass(frozen=True, slots=True)
class BackboneFacts:
    """What an expert wants to know of a backbone."""

    name: str
    title: str
    licence: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes for the views of a run: in all, still to be written, and free now."""

    views_per_item: int
    total: int
    to_write: int
    free: int

    @property
    def fits(self) -> bool:
        """Whether enough stays free."""
        return self.free - self.to_write >= LEAST_FREE


@dataclass(frozen=True, slots=True)
class Plan:
    """Disk and time that a run would take; seconds are measured on a few items and scaled."""

    disk: Disk
    steps: int
    views_s: float
    training_s: float
    embedding_s: float

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.views_s + self.training_s + self.embedding_s


def participants(
    studio: Studio, method: Method, splits: Sequence[str], items: Ids | None = None
) -> Participants:
    """Who would take part now; fast.

    Raises
    ------
    UserError
        Nobody.
    """
    ids = training_material.chosen_items(studio, method, splits, items)
    every = training_material.chosen_items(studio, replace(method, least=1), splits, items)
    labels = training_material.usable_labels(studio)
    present, counts = np.unique(labels[every - 1], return_counts=True)
    present, counts = present[present > 0], counts[present > 0]
    names = [studio.catalogue.name(int(c)) for c in present]
    least = method.least
    pairs = sorted(zip(names, counts.tolist(), strict=True))
    return Participants(
        items=len(ids),
        labelled=int((labels[ids - 1] > 0).sum()),
        taking=tuple((n, k) for n, k in pairs if k >= least),
        left_out=tuple((n, k) for n, k in pairs if k < least),
        least=least,
        test=bool((studio.catalogue.columns.split[ids - 1] == Split.TEST).any()),
    )


def frozen_spaces(studio: Studio) -> list[str]:
    """Spaces of untrained backbones that a run can start from, the newest last."""
    arrays = studio.store.arrays
    return [s.name for s in studio.embedding.spaces() if not arrays.meta(s.name).get("run")]


def backbone_facts(studio: Studio, space: str) -> BackboneFacts:
    """The backbone of a frozen space, or the default one where there is no space yet."""
    from fgvc_studio.vision import backbones

    listed = {info.name: info for info in backbones.names()}
    meta = studio.store.arrays.meta(space) if space else {}
    name = str(meta.get("backbone") or backbones.names()[0].name)
    known = listed.get(name)
    if known is None:
        return BackboneFacts(name, name, "", str(meta.get("note") or ""))
    licence = "" if meta.get("weights") else known.licence
    return BackboneFacts(name, known.title, licence, str(meta.get("note") or ""))


def disk(
    studio: Studio,
    method: str,
    *,
    preset: str,
    train: str | None = None,
    splits: Sequence[str],
    items: Ids | None = None,
    space: str,
    settings: Mapping[str, object] | None = None,
) -> Disk | None:
    """Bytes that the views of a run would take; loads the backbone, reads no picture.

    None while a training is at work: threads and precision belong to the process, so to it.

    Raises
    ------
    UserError
        The run could not start like this.
    """
    chosen = registry.get(method)
    ids = training_material.chosen_items(studio, chosen, splits, items)
    config = changed(chosen.preset(preset, len(ids), train), settings or {})
    training = studio.training
    with _folder(studio) as folder, training.building:
        if training.at_work:
            return None
        return _disk(studio, _trainer(studio, chosen, config, space, ids, Path(folder), 0, 1))


def measure(
    studio: Studio,
    method: str,
    *,
    preset: str,
    train: str | None = None,
    splits: Sequence[str],
    items: Ids | None = None,
    space: str,
    seed: int = 0,
    settings: Mapping[str, object] | None = None,
    threads: int = 0,
) -> Generator[Progress, None, Plan]:
    """Prepare a few items and train a few steps, then say what the whole run would take.

    Nothing of it is kept.

    Raises
    ------
    UserError
        The run could not start like this.
    """
    import torch

    chosen, used = registry.get(method), threads or default_threads()
    torch.set_num_threads(used)
    ids = training_material.chosen_items(studio, chosen, splits, items)
    config = changed(chosen.preset(preset, len(ids), train), settings or {})
    with _folder(studio) as folder, studio.training.working():
        yield Progress(0, 3, "Loading the backbone")
        whole = _trainer(studio, chosen, config, space, ids, Path(folder) / "whole", seed, used)
        facts, needed = dict(whole.estimate), _disk(studio, whole)
        yield Progress(1, 3, "Preparing a few items")
        few = ids[_few(training_material.usable_labels(studio)[ids - 1], chosen)]
        small = _trainer(studio, chosen, config, space, few, Path(folder) / "few", seed, used)
        begun = time.monotonic()
        for report in small.prepare():
            yield Progress(1, 3, "Preparing a few items", report.rate)
        each = (time.monotonic() - begun) / len(few)
        yield Progress(2, 3, "Training a few steps")
        rate, total = 1e-9, 0
        begun = time.monotonic()
        for count, step in enumerate(small.steps(), 1):
            rate, total = max(rate, step.images_per_s), step.total
            yield Progress(2, 3, "Training a few steps")
            if count >= _STEPS or time.monotonic() - begun > _LONGEST_S:
                break
        small.drop_cache()
    steps = int(facts.get("steps", round(total * len(ids) / len(few))))
    batch = int(facts.get("batch", getattr(config, "batch", 1)))
    views = max(1, needed.views_per_item)
    return Plan(
        disk=needed,
        steps=steps,
        views_s=each * len(ids) * needed.to_write / max(1, needed.total),
        training_s=steps * batch / rate,
        embedding_s=each / views * studio.catalogue.n if chosen.makes_space else 0.0,
    )


def _folder(studio: Studio) -> tempfile.TemporaryDirectory[str]:
    cache = studio.store.cache
    cache.mkdir(exist_ok=True)
    return tempfile.TemporaryDirectory(prefix="plan-", dir=cache, ignore_cleanup_errors=True)


def _trainer(
    studio: Studio,
    method: Method,
    config: Any,
    space: str,
    ids: Ids,
    folder: Path,
    seed: int,
    threads: int,
) -> Trainer:
    if not space:
        raise UserError("This project has no embeddings yet.", "Embed the images first.")
    kept = training_material.snapshot(studio, ids, space)
    return method.trainer(
        config,
        training_material.backbone_of(studio, space),
        run_pictures.of_items(studio, ids),
        folder / "run",
        folder / "views",
        training_material.material(studio, kept, space, folder / "run"),
        seed=seed,
        threads=threads,
    )


def _disk(studio: Studio, trainer: Trainer) -> Disk:
    facts = trainer.estimate
    return Disk(
        facts["views_per_item"],
        facts["cache_bytes"],
        facts["cache_bytes_to_write"],
        shutil.disk_usage(studio.store.path).free,
    )


def _few(category: Ids, method: Method) -> Ids:
    """Rows to measure with: some categories with four items each, some unlabelled items."""
    unlabelled = np.flatnonzero(category == 0)
    if not method.uses_labels:
        return np.arange(min(_MEASURED, len(category)))
    room = _MEASURED // 2 if method.makes == CLUSTERS else _MEASURED
    present, counts = np.unique(category[category > 0], return_counts=True)
    rows: list[int] = []
    for chosen in present[np.argsort(-counts, kind="stable")]:
        mine = np.flatnonzero(category == chosen)
        if len(mine) < method.least or len(rows) >= room:
            continue
        rows += mine[:4].tolist()
    if method.items != LABELLED:
        rows += unlabelled[: _MEASURED - len(rows)].tolist()
    return np.sort(np.array(rows, np.int64))

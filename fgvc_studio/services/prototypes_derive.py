"""A new run out of an old one after an audit; the old one stays as it was."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import time
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio import __version__
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.prototypes import Patch, Verdict
from fgvc_studio.domain.records import Progress
from fgvc_studio.domain.runs import RunCard, RunState, TrainingRun
from fgvc_studio.services import (
    prototypes_prepare,
    run_pictures,
)
from fgvc_studio.services.embedding import default_threads
from fgvc_studio.services.prototypes_open import DERIVED, METHOD, Opened
from fgvc_studio.store.arrays import write_atomic

if TYPE_CHECKING:
    from fgvc_studio.methods.st_protopnet.amending import Amender
    from fgvc_studio.methods.st_protopnet.audit import Audit
    from fgvc_studio.methods.st_protopnet.classifier import Model
    from fgvc_studio.methods.st_protopnet.config import StProtoConfig

ALIKE = 0.8
"""Cosine from which cells of other training items count as the forbidden patch, too."""
MOST_CUTOUTS = 400
FINE_TUNE_SHARE = 0.4
"""Of the epochs of the training; at least as many as make `LEAST_STEPS`."""
LEAST_STEPS = 100
"""Prototypes move little in a step: few photos take more epochs, up to `MOST_EPOCHS`."""
MOST_EPOCHS = 40
WORDS = {
    "reselect": "other patches chosen",
    "refit": "last layers trained again",
    "reproject": "prototypes projected again",
    "fine-tune": "trained on with the audit",
}
Job = Generator[Progress, None, str]


class Derivation:
    """The new run while it is made; its folder is deleted when that fails.

    Parameters
    ----------
    parent : Opened
    by : str
        A key of `WORDS`.
    """

    def __init__(self, parent: Opened, by: str, facts: Mapping[str, Any] | None = None) -> None:
        self.parent, self.by, self.facts = parent, by, dict(facts or {})
        studio = parent.studio
        self.runs = studio.training.runs
        self.id = self.runs.new_id(METHOD)
        self.folder = self.runs.folder(self.id)
        self.kept = self.runs.material(parent.name)
        self.kept.save(self.folder)
        self.started = time.monotonic()
        self.done = False

    @property
    def labels(self) -> Any:
        """Labels at the start of the parent, with the images that it was checked with."""
        from fgvc_studio.methods.material import Material
        from fgvc_studio.methods.st_protopnet.data import labels_of

        kept, held = self.kept, self.parent.bundle.validation
        found = labels_of(Material(kept.categories, kept.names, kept.splits, kept.hashes))
        if not len(held):
            return found
        checked = np.isin(np.arange(len(found.classes)), held) & (found.classes >= 0)
        return dataclasses.replace(found, validation=checked)

    @property
    def pictures(self) -> Any:
        """The pictures of the run."""
        return run_pictures.of_items(self.parent.studio, self.parent.items)

    @property
    def config(self) -> StProtoConfig:
        """The settings of the parent's training, so that last layers are chosen on validation."""
        from fgvc_studio.methods.config import changed
        from fgvc_studio.methods.st_protopnet.config import StProtoConfig

        return changed(StProtoConfig(), dict(self.parent.run.config))

    def amender(self) -> Amender:
        """What changes a copy of the parent's model."""
        from fgvc_studio.methods.st_protopnet.amending import Amender

        return Amender(
            fresh_model(self.parent),
            self.config,
            self.parent.backbone,
            self.pictures,
            self.runs.views(self.id),
            self.labels,
            seed=self.parent.run.seed,
            threads=default_threads(),
        )

    def finish(self, config: Mapping[str, object], evaluation: Mapping[str, Any]) -> str:
        """Keep the run; its id."""
        old = self.parent.run
        seconds = time.monotonic() - self.started
        run = dataclasses.replace(
            old, id=self.id, state=RunState.FINISHED, created=time.time(), seconds=seconds,
            config=config,
        )  # fmt: skip
        facts = {"from": old.id, "by": self.by, **self.facts}
        write_atomic(self.folder / DERIVED, json.dumps(facts, indent=1).encode())
        self.runs.save_card(self._card(run, evaluation))
        self.runs.save(run)
        self.done = True
        return run.id

    def _card(self, run: TrainingRun, evaluation: Mapping[str, Any]) -> RunCard:
        """The parent's card with what is new; its test figures do not hold any more."""
        final = evaluation.get("final", {})
        flat = {f"{s}_{n}": float(v) for s, found in evaluation.items() for n, v in found.items()}
        before = self.parent.bundle.evaluation.get("final", {}).get("accuracy", float("nan"))
        verdict = (
            f"Made of {self.parent.name}: {WORDS[self.by]}. Accuracy on validation "
            f"{final.get('accuracy', float('nan')):.3f}, before {before:.3f}."
        )
        notes = [f"Scored on validation only; score it with: evaluate --run {run.id}."]
        if not len(self.parent.bundle.validation):
            notes.append(f"{self.parent.name} learned from the validation images, too.")
        return RunCard(
            run=run.id, method=run.method, seed=run.seed, code_version=__version__,
            backbone={"name": self.parent.backbone.name, "key": self.parent.backbone.key},
            data={"items": run.items, "splits": list(run.splits), "derived": dict(self.facts)},
            config=dict(run.config), times={"total": round(run.seconds, 2)}, losses={},
            diagnostics=flat, alarms=(), metrics={}, baseline={}, difference={}, better=None,
            verdict=verdict, notes=tuple(notes),
        )  # fmt: skip

    def put_down(self) -> None:
        """Leave nothing of an unfinished run."""
        if not self.done:
            shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.runs.views(self.id), ignore_errors=True)


def fresh_model(opened: Opened) -> Model:
    """A copy of a run's model that may be changed, with a network of its own."""
    from fgvc_studio.methods.st_protopnet import classifier

    return classifier.load(opened.folder, opened.backbone).model


# ---- the four ways ---------------------------------------------------------------------------
def reselect(parent: Opened, choices: Mapping[int, int]) -> Job:
    """Prototypes become one of their runners-up each (its number from 0)."""
    chosen = {}
    for j, choice in choices.items():
        offers = parent.bundle.runners_up[parent.bundle.check(j)]
        if not 0 <= choice < len(offers):
            raise UserError(
                f"Prototype {j} has no alternative {choice}.", f"It has {len(offers)}, from 0."
            )
        chosen[parent.bundle.place(j)] = offers[choice]
    if not chosen:
        raise UserError("No prototype is chosen.", "Choose one and an alternative.")
    facts = {"choices": [[int(j), int(c)] for j, c in choices.items()]}
    return _amend(parent, "reselect", facts, chosen=chosen)


def refit(parent: Opened, off: list[int]) -> Job:
    """Last layers trained again with the forbidden prototypes off."""
    return _amend(parent, "refit", {"off": off}, audit=audit_of(parent, off), off=off)


def reproject(parent: Opened, off: list[int]) -> Job:
    """Prototypes projected again onto patches that are not forbidden, then the last layers."""
    return _amend(parent, "reproject", {}, audit=audit_of(parent, off))


def _amend(
    parent: Opened,
    by: str,
    facts: Mapping[str, Any],
    *,
    chosen: Mapping[tuple[str, int], NDArray[np.float64]] | None = None,
    audit: Audit | None = None,
    off: list[int] | None = None,
) -> Job:
    from fgvc_studio.methods.st_protopnet.projection import Patch as Place

    yield Progress(0, 0, "Loading the model")
    made = Derivation(parent, by, facts)
    try:
        amender = made.amender()
        yield from amender.prepare()
        branches: dict[str, list[int]] = {}
        for j in off or ():
            branch, number = parent.bundle.place(j)
            branches.setdefault(branch, []).append(number)
        if chosen is not None:
            amender.reselect(
                {
                    place: Place(int(p[0]), int(p[1]), int(p[2]), float(p[3]))
                    for place, p in chosen.items()
                }
            )
        elif by == "reproject" and audit is not None:
            yield from amender.reproject(audit, branches)
        else:
            yield from amender.refit(branches, audit)
        amender.save(made.folder)
        amender.drop_cache()
        name = made.finish(dataclasses.asdict(amender.config), amender.model.evaluation)
    finally:
        made.put_down()
    yield from _prepared(parent, name)
    return name


def fine_tune(parent: Opened, off: list[int]) -> Job:
    """Train on, away from forbidden patches and towards kept ones; then project as usual."""
    from fgvc_studio.methods.st_protopnet.trainer import StProtoTrainer

    audit = audit_of(parent, off)
    if not audit.forbidden and not audit.kept:
        raise UserError(
            "There is nothing to learn from: no prototype is forbidden or judged.",
            "Forbid prototypes, or judge some to be kept, first.",
        )
    yield Progress(0, 0, "Loading the model")
    made = Derivation(
        parent, "fine-tune", {"forbidden": len(audit.forbidden), "kept": len(audit.kept)}
    )
    enough = math.ceil(LEAST_STEPS * made.config.batch / max(1, len(parent.bundle.training)))
    share = round(FINE_TUNE_SHARE * made.config.epochs)
    epochs = max(share, min(enough, MOST_EPOCHS))
    config = dataclasses.replace(
        made.config,
        epochs=epochs,
        warm_epochs=0,
        random_views=0,  # where a thing lies in a turned view is not known
    )
    try:
        trainer = StProtoTrainer(
            config, parent.backbone, made.pictures, made.folder, made.runs.views(made.id),
            labels=made.labels, start=fresh_model(parent), audit=audit, seed=parent.run.seed,
            threads=default_threads(), save_every=float("inf"),
        )  # fmt: skip
        yield from trainer.prepare()
        for report in trainer.steps():
            yield Progress(report.step, report.total, "Training on", report.images_per_s)
        trainer.finish()
        trainer.drop_cache()
        (made.folder / "resume.safetensors").unlink(missing_ok=True)
        name = made.finish(dataclasses.asdict(config), trainer.evaluation)
    finally:
        made.put_down()
    yield from _prepared(parent, name)
    return name


def _prepared(parent: Opened, name: str) -> Generator[Progress, None, None]:
    """Compare the items with the new run's prototypes; what was said of the old ones is found."""
    opened = Opened(parent.studio, parent.studio.training.runs.get(name))
    yield from prototypes_prepare.prepare(opened)


# ---- what the audit asks for -----------------------------------------------------------------
def audit_of(opened: Opened, off: list[int]) -> Audit:
    """The verdicts and bans of a run as patches that prototypes must leave, or keep.

    Forbidden for every category are the sources of forbidden prototypes and of those judged
    background, with the cells of other labelled items of the run that look alike (cosine over
    `ALIKE`); for its own category only that of one judged the wrong part. Kept are the sources
    of those judged to be kept.
    """
    from fgvc_studio.methods.st_protopnet.audit import ALL, Audit, Cutout

    said = {j.prototype: j.verdict for j in opened.studio.store.verdicts.of_run(opened.name)}
    everywhere = sorted({*off, *(j for j, v in said.items() if v is Verdict.BACKGROUND)})
    forbidden: dict[tuple[int, int, int], int] = {}
    for j in everywhere:
        for place in alike(opened, j):
            forbidden.setdefault(place, ALL)
    for j, verdict in said.items():
        if verdict is Verdict.WRONG_PART and j not in everywhere:
            forbidden.setdefault(_place(opened, j), int(opened.bundle.classes[j]))
    cutouts = [Cutout(*place, category) for place, category in forbidden.items()]
    kept = [
        Cutout(*_place(opened, j), int(opened.bundle.classes[j]), opened.bundle.branch(j))
        for j, verdict in said.items()
        if verdict is Verdict.KEEP and j not in everywhere
    ]
    return Audit(tuple(cutouts), tuple(kept))


def alike(opened: Opened, prototype: int) -> list[tuple[int, int, int]]:
    """A prototype's source, and cells of labelled items like it: (number in the run, row, column).

    The most alike first; at most `MOST_CUTOUTS`. The source alone before the run was prepared.
    """
    from fgvc_studio.methods.st_protopnet import retrieval

    places = [_place(opened, prototype)]
    found, bundle = opened.activations, opened.bundle
    if found is None:
        return places
    branch = int(bundle.branch(prototype) != "trivial")
    ranked: list[tuple[float, tuple[int, int, int]]] = []
    for number in np.concatenate([bundle.training, bundle.validation]).tolist():
        row = int(opened.items[number]) - 1
        if row >= len(found) or found.state[row] != 1 or found.scores[row, prototype] < ALIKE:
            continue
        map_ = np.tensordot(
            bundle.vectors[prototype],
            retrieval.unit_maps(found.maps[row : row + 1, branch], bundle.upsample)[0],
            1,
        )
        for r, c in np.argwhere(map_ >= ALIKE).tolist():
            ranked.append((-float(map_[r, c]), (number, r, c)))
    ranked.sort()
    more = [place for _, place in ranked[:MOST_CUTOUTS] if place != places[0]]
    return places + more


def _place(opened: Opened, prototype: int) -> tuple[int, int, int]:
    number, row, column = opened.bundle.sources[prototype].tolist()
    return number, row, column


def alternatives(opened: Opened, prototype: int) -> list[Patch]:
    """The runners-up of a prototype's projection, best first, each its cell."""
    offers = opened.bundle.runners_up[prototype]
    items = opened.items[offers[:, 0].astype(np.int64)] if len(offers) else np.empty(0, np.int64)
    rows, columns = opened.grid
    made = []
    for offer, item, frame in zip(offers, items.tolist(), opened.frames(items), strict=True):
        r, c = int(offer[1]), int(offer[2])
        box = frame.box(r / rows, (r + 1) / rows, c / columns, (c + 1) / columns)
        made.append(Patch(item, box, r, c, float(offer[3])))
    return made

"""The audit of a prototype classifier: what it compares with, verdicts, bans, what they change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Sequence
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import Event, OpChanges
from fgvc_studio.domain.prototypes import (
    Confusion,
    Difference,
    Effects,
    Explanation,
    Localisation,
    Patch,
    Prototype,
    PrototypeModel,
    Suggested,
    Verdict,
)
from fgvc_studio.domain.records import Progress
from fgvc_studio.domain.runs import TrainingRun
from fgvc_studio.methods.st_protopnet import bundle as bundles
from fgvc_studio.services import (
    prototypes_compare,
    prototypes_derive,
    prototypes_evidence,
    prototypes_plate,
    prototypes_prepare,
    prototypes_report,
    prototypes_suggest,
    prototypes_table,
    prototypes_verdicts,
)
from fgvc_studio.services.prototypes_open import METHOD, Opened, usable
from fgvc_studio.store.verdicts import VERDICT_TABLES

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

SETTING = "prototypes"
_KEPT = 6
Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


class Prototypes:
    """Prototypes of the project's runs. Calls may come from any thread.

    Wherever a run is asked for, an empty string means `current`.

    Parameters
    ----------
    studio : Studio
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._opened: OrderedDict[str, Opened] = OrderedDict()
        self._lock = RLock()
        studio.bus.subscribe(self._handle)

    # ---- runs ------------------------------------------------------------------------------
    def models(self) -> list[PrototypeModel]:
        """Finished runs that have prototypes, the oldest first."""
        found = []
        for run in self._runs():
            try:
                opened = self.opened(run.id)
            except UserError:
                continue
            made = opened.derived
            accuracy = opened.bundle.evaluation.get("final", {}).get("accuracy", float("nan"))
            found.append(
                PrototypeModel(
                    run.id, run.created, len(opened.bundle.category_ids), opened.bundle.count,
                    opened.prepared, float(accuracy), str(made.get("from", "")),
                    str(made.get("by", "train")), prototypes_table.measured(opened),
                )
            )  # fmt: skip
        return found

    def _runs(self) -> list[TrainingRun]:
        runs = self._studio.training.runs
        return [run for run in runs.all() if usable(run, runs.folder(run.id))]

    def current(self) -> str:
        """The run to look at: the chosen one, else the newest; empty without any."""
        names = [run.id for run in self._runs()]
        chosen = self._studio.store.get_setting(SETTING)
        if chosen in names:
            return chosen
        return names[-1] if names else ""

    def choose(self, run: str) -> None:
        """Look at a run from now on.

        Raises
        ------
        UserError
            It has no prototypes.
        """
        self._studio.store.set_setting(SETTING, self.opened(run).name)

    def opened(self, run: str = "") -> Opened:
        """A run's files; the last few stay open.

        Raises
        ------
        UserError
            There is no such run, or it has no prototypes.
        """
        with self._lock:
            name = run or self.current()
            kept = self._opened.pop(name, None)
            if kept is not None and (kept.folder / bundles.FACTS).is_file():
                self._opened[name] = kept
                return kept
            if not name:
                raise UserError(
                    "No run of this project has prototypes.", f"Train one: train {METHOD} PROJECT."
                )
            found = self._studio.training.runs.get(name)
            if not usable(found, self._studio.training.runs.folder(name)):
                raise UserError(
                    f"The run {name} has no prototypes to look at.",
                    f"Choose a finished run of {METHOD}.",
                )
            self._opened[name] = Opened(self._studio, found)
            while len(self._opened) > _KEPT:
                self._opened.popitem(last=False)
            return self._opened[name]

    def forget(self, run: str) -> None:
        """Read a run's files again when they are needed."""
        with self._lock:
            self._opened.pop(run, None)

    def _handle(self, event: Event) -> None:
        if isinstance(event, OpChanges) and event.tables & {*VERDICT_TABLES, "labels"}:
            with self._lock:
                for opened in self._opened.values():
                    opened.kept.pop("table", None)

    def prepare(self, run: str = "") -> Generator[Progress, None, None]:
        """Compare every item with the prototypes and measure these; goes on where it was.

        At its end the verdicts and bans of earlier runs are found again (one operation).
        """
        yield from prototypes_prepare.prepare(self.opened(run))

    def prepared(self, run: str = "") -> bool:
        """Whether `prepare` has nothing to compare."""
        return self.opened(run).prepared

    # ---- looking ---------------------------------------------------------------------------
    def table(self, run: str = "") -> list[Prototype]:
        """All prototypes in order of id."""
        opened = self.opened(run)
        with opened.lock:
            found: list[Prototype] = opened.remembered("table", "", lambda: self._table(opened))
            return list(found)

    def _table(self, opened: Opened) -> list[Prototype]:
        store = self._studio.store.verdicts
        return prototypes_table.table(
            opened, store.of_run(opened.name), store.bans_of_run(opened.name)
        )

    def get(self, run: str, id: int) -> Prototype:
        """One prototype."""
        self.opened(run).bundle.check(id)
        return self.table(run)[id]

    def localise(self, run: str, id: int, item_id: int) -> Localisation:
        """Where in an item a prototype looks."""
        opened = self.opened(run)
        return prototypes_evidence.localise(opened, opened.bundle.check(id), item_id)

    def smooth_grad(self, run: str, id: int, item_id: int) -> NDArray[np.float32]:
        """Pixels of an item that matter to a prototype, over the image as `Localisation.heat`."""
        opened = self.opened(run)
        return prototypes_evidence.smooth_grad(opened, opened.bundle.check(id), item_id)

    def top_patches(self, run: str, id: int, k: int = 10) -> tuple[list[Patch], list[Patch]]:
        """Best patches in the items the model learned from, and in all others."""
        opened = self.opened(run)
        return prototypes_evidence.top_patches(opened, opened.bundle.check(id), k)

    def histogram(self, run: str, id: int) -> tuple[Floats, Ids, Ids]:
        """(edges, counts of its own category, counts of others) of its scores."""
        opened = self.opened(run)
        return prototypes_evidence.histogram(opened, opened.bundle.check(id))

    def weights(self, run: str, id: int) -> list[tuple[int, float]]:
        """(category id, weight), the largest first."""
        opened = self.opened(run)
        return prototypes_evidence.weights(opened, opened.bundle.check(id))

    def sisters(self, run: str, id: int) -> list[tuple[int, float]]:
        """(id, cosine) of prototypes of the same category and branch, the nearest first."""
        opened = self.opened(run)
        return prototypes_evidence.sisters(opened, opened.bundle.check(id))

    def explain(self, run: str, item_id: int) -> Explanation:
        """Why an item is classified as it is, bans taken into account."""
        opened = self.opened(run)
        return prototypes_evidence.explain(opened, item_id, self.bans(run))

    def confusion(self, run: str, a: int, b: int) -> Confusion:
        """What two categories have in common and what tells them apart."""
        return prototypes_compare.confusion(self.opened(run), a, b, self.bans(run))

    def differences(
        self, run: str, item_ids: ArrayLike, category_id: int
    ) -> tuple[Difference, ...]:
        """Prototypes of a known category that fire or fail on some items."""
        ids = np.asarray(item_ids, np.int64)
        return prototypes_compare.differences(self.opened(run), ids, category_id, self.bans(run))

    # ---- verdicts and bans -----------------------------------------------------------------
    def verdict(
        self, run: str, ids: Sequence[int], verdict: Verdict | None, note: str = ""
    ) -> OpChanges | None:
        """Judge prototypes; None takes their verdict back. One operation."""
        return prototypes_verdicts.judge(self.opened(run), ids, verdict, note)

    def forbid(self, run: str, ids: Sequence[int], reason: str = "") -> OpChanges | None:
        """Switch prototypes off. One operation."""
        return prototypes_verdicts.forbid(self.opened(run), ids, reason)

    def restore(self, run: str, ids: Sequence[int]) -> OpChanges | None:
        """Switch prototypes on again. One operation."""
        return prototypes_verdicts.restore(self.opened(run), ids)

    def bans(self, run: str = "") -> list[int]:
        """Prototypes that are switched off."""
        name = self.opened(run).name
        return [ban.prototype for ban in self._studio.store.verdicts.bans_of_run(name)]

    def effects(
        self, run: str = "", off: Sequence[int] | None = None, *, against: Sequence[int] = ()
    ) -> Effects:
        """What switching off does, exactly, compared with `against` switched off.

        Parameters
        ----------
        off : sequence of int, optional
            The stored bans by default.
        """
        opened = self.opened(run)
        return prototypes_table.effects(
            opened, self.bans(opened.name) if off is None else off, against
        )

    # ---- on paper --------------------------------------------------------------------------
    def plate(self, run: str, category_id: int, out: Path) -> Path:
        """The identification plate of a category as PDF, PNG or SVG, by the suffix."""
        return prototypes_plate.plate(self.opened(run), self.table(run), category_id, out)

    def report(self, run: str, out: Path) -> Generator[Progress, None, list[Path]]:
        """The audit report: HTML, CSV, JSON and pictures in a folder; gives the files."""
        opened = self.opened(run)
        return prototypes_report.report(
            opened, self.table(opened.name), self.bans(opened.name), out
        )

    # ---- suggestions -----------------------------------------------------------------------
    def suggest(
        self, run: str = "", items: ArrayLike | None = None
    ) -> Generator[Progress, None, list[Suggested]]:
        """Categories for items (default: those without a label), bans taken into account."""
        opened = self.opened(run)
        chosen = None if items is None else np.asarray(items, np.int64)
        return prototypes_suggest.suggest(opened, chosen, self.bans(opened.name))

    def accept(
        self, run: str, suggested: Sequence[Suggested], least: float = 0.0
    ) -> OpChanges | None:
        """Write suggestions as labels of the model; what looks like nothing known is left out."""
        return prototypes_suggest.accept(self._studio, self.opened(run).name, suggested, least)

    # ---- runs derived from it --------------------------------------------------------------
    def alternatives(self, run: str, id: int) -> list[Patch]:
        """The patches that `reselect` can choose from, best first."""
        opened = self.opened(run)
        return prototypes_derive.alternatives(opened, opened.bundle.check(id))

    def reselect(self, run: str, id: int, choice: int) -> prototypes_derive.Job:
        """A prototype becomes one of its `alternatives`; gives the id of the new run."""
        return prototypes_derive.reselect(self.opened(run), {id: choice})

    def refit(self, run: str = "") -> prototypes_derive.Job:
        """Last layers trained again with the bans in force; gives the id of the new run."""
        opened = self.opened(run)
        return prototypes_derive.refit(opened, self.bans(opened.name))

    def fine_tune(self, run: str = "") -> prototypes_derive.Job:
        """Trained on, away from what is forbidden or judged background, towards what is to be kept.

        Gives the id of the new run.
        """
        opened = self.opened(run)
        return prototypes_derive.fine_tune(opened, self.bans(opened.name))

    def reproject(self, run: str = "") -> prototypes_derive.Job:
        """Projected again onto patches that are not forbidden; gives the id of the new run."""
        opened = self.opened(run)
        return prototypes_derive.reproject(opened, self.bans(opened.name))

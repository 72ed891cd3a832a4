"""What the keys of the prototype workspace decide, and the jobs that mend a model."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QWidget

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.prototypes import Suggested, Verdict
from fgvc_studio.domain.records import Operation, Progress
from fgvc_studio.gui import prototype_words as say
from fgvc_studio.gui.job_thread import Job
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.gui.workspaces.prototypes_state import PrototypeState

METHOD = "st-protopnet"


class PrototypeActs(QObject):
    """Acts on the chosen prototypes, or else on the current one.

    `reason_wanted` carries a first guess of the reason of a trial that is to be kept;
    `model_made` the run before and the run made of it; `suggested` a run and its proposals.
    """

    reason_wanted = Signal(str)
    model_made = Signal(str, str)
    suggested = Signal(str, object)

    def __init__(self, context: Context, state: PrototypeState, host: QWidget) -> None:
        super().__init__(host)
        self._context, self._state, self._host = context, state, host

    # ---- verdicts --------------------------------------------------------------------------
    def judge(self, verdict: Verdict | None) -> None:
        """Give a verdict; the one that all have already is taken away."""
        ids, book = self._state.acting, self._state.book
        if not ids or book is None:
            return
        if verdict is not None and all(book.rows[i].verdict is verdict for i in ids):
            verdict = None
        groups: dict[str, list[int]] = {}
        for i in ids:  # each keeps its note
            groups.setdefault(book.rows[i].note if verdict else "", []).append(i)
        for note, members in groups.items():
            self._judge(members, verdict, note)

    def note(self, number: int, text: str) -> None:
        """Keep a note on a prototype; without a verdict it is unsure."""
        if self._state.book is None:
            return
        prototype = self._state.book.rows[number]
        self._judge([number], prototype.verdict or Verdict.UNSURE, text)

    def _judge(self, ids: list[int], verdict: Verdict | None, note: str) -> None:
        run, service = self._state.run, self._context.studio.prototypes
        if self._decide(lambda: service.verdict(run, ids, verdict, note)):
            self._state.judged(ids, verdict, note)

    # ---- bans ------------------------------------------------------------------------------
    def turn(self) -> None:
        """Try the chosen prototypes the other way round."""
        self._state.turn(self._state.acting)

    def want_reason(self) -> None:
        """Keep the trial: ask why, with the verdict as a first guess."""
        book = self._state.book
        if book is None or not self._state.tried:
            return
        verdicts = {book.rows[i].verdict for i in self._state.tried if not book.off[i]}
        one = verdicts.pop() if len(verdicts) == 1 else None
        told = one not in (None, Verdict.KEEP, Verdict.UNSURE)
        self.reason_wanted.emit(say.verdict(one) if one is not None and told else "")

    def keep(self, reason: str) -> None:
        """Write the trial down: bans with the reason, and restorations."""
        book = self._state.book
        if book is None or not self._state.tried:
            return
        off = sorted(i for i in self._state.tried if not book.off[i])
        on = sorted(i for i in self._state.tried if book.off[i])
        if off and not reason:
            self._context.toasts.show_message(
                self.tr("Say in a few words why: whoever reads the audit will ask."),
                tone="warning",
            )
            self.want_reason()
            return
        run, service = self._state.run, self._context.studio.prototypes
        done = not off or self._decide(lambda: service.forbid(run, off, reason))
        if done and on:
            done = self._decide(lambda: service.restore(run, on))
        if done:
            self._state.tried.clear()

    def _decide(self, act: Callable[[], OpChanges | None]) -> bool:
        try:
            changes = act()
        except UserError as error:
            self._context.show_fault(error)
            return False
        if changes is None:
            self._context.toasts.show_message(self.tr("Nothing changed: it was so already."))
        else:
            operation = changes.operation
            self._context.toasts.show_message(
                operation.summary, self.tr("Undo"), lambda: self.take_back(operation)
            )
        return True

    def take_back(self, operation: Operation) -> None:
        """Undo one act, whether or not it is still the last."""
        labelling = self._context.studio.labelling
        last = self._context.studio.store.operations.can_undo()
        try:
            if last is not None and last.id == operation.id:
                labelling.undo()
            else:
                labelling.reverse(operation.id)
        except UserError as error:
            self._context.show_fault(error)

    # ---- jobs ------------------------------------------------------------------------------
    def train(self) -> Job:
        """Train a classifier on the named photos."""
        training = self._context.studio.training
        return self._context.jobs.add(
            self.tr("Train a classifier"),
            lambda: training.run(METHOD),
            self._trained,
            key=f"train {METHOD}",
        )

    def prepare(self) -> Job | None:
        """Compare all photos with the prototypes of the model."""
        run, service = self._state.run, self._context.studio.prototypes
        if not run or self._context.studio.store.read_only:
            return None
        return self._context.jobs.add(
            self.tr("Compare the photos with the prototypes of {run}").format(run=run),
            lambda: service.prepare(run),
            lambda _none: self._state.reload(),
            key=f"prepare {run}",
        )

    def refit(self) -> None:
        """Refit the last layer without what is forbidden."""
        service = self._context.studio.prototypes
        self._mend(self.tr("Refit the last layer"), service.refit)

    def fine_tune(self) -> None:
        """Train on, away from what is forbidden and towards what is to be kept."""
        service = self._context.studio.prototypes
        self._mend(self.tr("Fine-tune by the verdicts"), service.fine_tune)

    def reproject(self) -> None:
        """Look for the patch of every prototype anew."""
        service = self._context.studio.prototypes
        self._mend(self.tr("Look for new patches"), service.reproject)

    def reselect(self, number: int, choice: int) -> None:
        """Give a prototype another of its runner-up patches."""
        service = self._context.studio.prototypes
        self._mend(
            self.tr("Choose another patch for prototype {n}").format(n=number),
            lambda run: service.reselect(run, number, choice),
        )

    def _mend(self, title: str, act: Callable[[str], Generator[Progress, None, str]]) -> None:
        run = self._state.run
        if run:
            self._context.jobs.add(
                f"{title} ({run})",
                lambda: act(run),
                lambda made: self.model_made.emit(run, made),
                key=f"mend {run} {title}",
            )

    def _trained(self, result: Any) -> None:
        run = getattr(result, "run", "")
        if run:
            self._state.choose(run)

    def suggest(self) -> None:
        """Let the model name what has no label; its names are marked as a model's."""
        run, service = self._state.run, self._context.studio.prototypes
        if run:
            self._context.jobs.add(
                self.tr("Suggest names by {run}").format(run=run),
                lambda: service.suggest(run),
                lambda found: self.suggested.emit(run, found),
                key=f"suggest {run}",
            )

    def accept(self, run: str, found: Sequence[Suggested], least: float) -> None:
        """Write proposed names that are sure enough."""
        service = self._context.studio.prototypes
        self._decide(lambda: service.accept(run, found, least))

    # ---- the report ------------------------------------------------------------------------
    def report(self) -> None:
        """Write the audit into a folder that the user chooses."""
        run = self._state.run
        if not run:
            return
        store = self._context.studio.store
        folder = QFileDialog.getExistingDirectory(
            self._host, self.tr("Folder for the audit report"), str(store.path.parent)
        )
        if folder:
            self.write_report(Path(folder) / f"audit {store.name} {run}")

    def write_report(self, folder: Path) -> None:
        """Write the audit into a folder."""
        run, service = self._state.run, self._context.studio.prototypes

        def done(files: Sequence[Path]) -> None:
            page = next((f for f in files if f.suffix == ".html"), folder)
            self._context.toasts.show_message(
                self.tr("The audit report is written: {folder}").format(folder=folder),
                self.tr("Open"),
                lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(page))),
            )

        self._context.jobs.add(
            self.tr("Write the audit report of {run}").format(run=run),
            lambda: service.report(run, folder),
            done,
            key=f"report {run} {folder}",
        )

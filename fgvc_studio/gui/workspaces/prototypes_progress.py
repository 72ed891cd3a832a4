"""What is said while there is no classifier, while one is trained, while photos are compared."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton

from fgvc_studio.gui.job_thread import Job
from fgvc_studio.gui.widgets.prototype_empty import LEAST_CATEGORIES, LEAST_PHOTOS, PrototypeEmpty
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.gui.workspaces.prototypes_acts import METHOD, PrototypeActs
from fgvc_studio.gui.workspaces.prototypes_state import PrototypeState


class PrototypeProgress(QObject):
    """Follows jobs and labels.

    Attributes
    ----------
    banner : QFrame
        A line above the pages while photos are compared.
    trainable : bool
        Whether there are labels enough for a classifier.
    """

    def __init__(
        self,
        context: Context,
        state: PrototypeState,
        acts: PrototypeActs,
        empty: PrototypeEmpty,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._context, self._state, self._acts, self._empty = context, state, acts, empty
        self.trainable = False
        self.banner = QFrame()
        self.banner.setObjectName("banner")
        self.text = QLabel()
        self.go_on = QPushButton()
        self.go_on.clicked.connect(lambda: acts.prepare())
        row = QHBoxLayout(self.banner)
        row.setContentsMargins(12, 5, 12, 5)
        row.addWidget(self.text, 1)
        row.addWidget(self.go_on)
        self.banner.hide()
        state.loaded.connect(self._loaded)
        context.bridge.decided.connect(lambda _changes: self.show_needs())
        context.jobs.changed.connect(self._job_changed)
        context.jobs.ended.connect(self._job_ended)
        self.show_needs()

    def prepare_if_needed(self) -> None:
        """Compare and measure what was not yet, unless that was stopped before."""
        model = self._state.model
        key = f"prepare {self._state.run}"
        tried = any(job.key == key and job.state.ended for job in self._context.jobs.jobs)
        if model is not None and not (model.prepared and model.measured) and not tried:
            self._acts.prepare()

    def show_needs(self) -> None:
        """Count what a classifier could be trained on."""
        counts = self._context.studio.catalogue.counts()
        named = sum(1 for n in counts.values() if n.own)
        enough = sum(1 for n in counts.values() if n.own >= LEAST_PHOTOS)
        writable = not self._context.studio.store.read_only
        self.trainable = enough >= LEAST_CATEGORIES and writable
        if self._state.book is None:
            self._empty.show_needs(enough, named, writable=writable)
            for job in self._context.jobs.jobs:
                self._job_changed(job)

    def _loaded(self) -> None:
        self.show_needs()
        self._show_banner()

    def _job_changed(self, job: Job) -> None:
        """Training and comparing are shown where their result will be."""
        if job.state.ended:
            return
        if job.key == f"train {METHOD}" and self._state.book is None:
            text = job.report.text if job.report else ""
            self._empty.show_work(self.tr("Training a classifier"), text, job.fraction)
        elif job.key == f"prepare {self._state.run}":
            self._show_banner(job)

    def _job_ended(self, job: Job) -> None:
        if job.key == f"train {METHOD}":
            self.show_needs()
        elif job.key.startswith("prepare "):
            self._show_banner()
        if getattr(job.result, "run", ""):  # a training, whoever started it
            self._state.check()

    def _show_banner(self, job: Job | None = None) -> None:
        model = self._state.model
        waiting = model is not None and not (model.prepared and model.measured)
        self.banner.setVisible(waiting)
        if not waiting:
            return
        self.go_on.setVisible(job is None and not self._context.studio.store.read_only)
        if job is None:
            again = model is not None and model.prepared
            self.go_on.setText(self.tr("Prepare again") if again else self.tr("Compare them"))
            self.text.setText(
                self.tr(
                    "How suspicious these prototypes are was worked out by an earlier version "
                    "and is not shown any more."
                )
                if again
                else self.tr("Not all photos are compared with the prototypes yet.")
            )
            return
        done = f" {100 * job.fraction:.0f} %" if job.fraction is not None else ""
        self.text.setText(
            self.tr(
                "Comparing the photos with the prototypes...{done}  Numbers and changes are "
                "complete when that is done."
            ).format(done=done)
        )

"""The panel that says what a run will take, before it starts."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from fgvc_studio.domain.errors import UserError
from fgvc_studio.gui import preferences, words
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.widgets.inspector_parts import Heading
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.gui.workspaces.train_control import Request
from fgvc_studio.methods import registry
from fgvc_studio.services import planning
from fgvc_studio.services.planning import BackboneFacts, Disk, Participants, Plan

_SLOT, _DISK = "train outlook", "train disk"
_NAMES = 12
_DISK_UP_TO = 30_000
"""Items up to which the disk is asked for without being told to."""


class Outlook(QFrame):
    """Who takes part, disk, time, backbone; and the button that starts."""

    start_clicked = Signal()

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._context = context
        self._request: Request | None = None
        self._measured: tuple[Request, Plan] | None = None
        self._fault = ""
        self.who = _text()
        self.categories = _text()
        self.backbone = _text()
        self.disk = _text()
        self.time = _text()
        self.wrong = _text()
        self.wrong.setProperty("role", "danger")
        self.measure = QPushButton(self.tr("Measure the time"))
        self.measure.setToolTip(self.tr("Trains a few steps on a few items and keeps nothing"))
        self.measure.clicked.connect(self.measure_time)
        self.start = QPushButton(self.tr("Start training"))
        self.start.setProperty("role", "primary")
        self.start.setMinimumHeight(36)
        self.start.clicked.connect(self.start_clicked)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(16, 8, 16, 8)
        column.setSpacing(4)
        for heading, widgets in (
            (self.tr("Who takes part"), (self.who, self.categories)),
            (self.tr("Backbone"), (self.backbone,)),
            (self.tr("Disk"), (self.disk,)),
            (self.tr("Time"), (self.time, self.measure)),
        ):
            column.addWidget(Heading(heading))
            for widget in widgets:
                column.addWidget(widget)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(body)
        area.viewport().setAutoFillBackground(False)
        body.setAutoFillBackground(False)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 8, 0, 14)
        title = QLabel(self.tr("What will happen"))
        title.setProperty("role", "heading")
        title.setContentsMargins(16, 4, 16, 0)
        outer.addWidget(title)
        outer.addWidget(area, 1)
        foot = QVBoxLayout()
        foot.setContentsMargins(16, 0, 16, 0)
        foot.addWidget(self.wrong)
        foot.addWidget(self.start)
        outer.addLayout(foot)

    def show_request(self, request: Request, fault: str) -> None:
        """Look at what the form asks for; `fault` says what is wrong in the form itself."""
        self._request, self._fault = request, fault
        studio, method = self._context.studio, registry.get(request.method)

        def read(_ticket: Ticket) -> tuple[Participants, BackboneFacts]:
            who = planning.participants(studio, method, request.splits, request.items)
            return who, planning.backbone_facts(studio, request.space)

        self._context.tasks.submit(_SLOT, read, self._show, self._cannot)
        for label in (self.who, self.backbone, self.disk):
            if not label.text():
                label.setText("…")
        self._show_time()

    # ---- what is shown ---------------------------------------------------------------------
    def _show(self, answer: tuple[Participants, BackboneFacts]) -> None:
        who, backbone = answer
        request = self._request
        if request is None:
            return
        method = registry.get(request.method)
        lines = [self.tr("{n} items").format(n=words.count(who.items))]
        if method.items == registry.LABELLED:
            lines[0] = self.tr("{n} labelled items").format(n=words.count(who.items))
        elif method.uses_labels:
            lines[0] = self.tr("{n} items, {k} of them with a label").format(
                n=words.count(who.items), k=words.count(who.labelled)
            )
        else:
            lines.append(self.tr("Labels are not used, only to measure the result."))
        if who.test:
            lines.append(self.tr("Items of the split test take part: the card will say so."))
        self.who.setText("\n".join(lines))
        self.categories.setVisible(method.uses_labels)
        self.categories.setText(self._category_words(who))
        self.categories.setToolTip("\n".join(f"{n}: {k}" for n, k in who.taking))
        self._show_backbone(backbone)
        self._set_wrong(self._fault or self._too_few(request.method, who))
        self._ask_disk(request, who.items)

    def _too_few(self, method: str, who: Participants) -> str:
        if registry.get(method).uses_labels and len(who.taking) < 2:
            return self.tr("Name items of at least two categories first.")
        return ""

    def _category_words(self, who: Participants) -> str:
        told = [self.tr("Categories that take part: {n}").format(n=words.count(len(who.taking)))]
        if who.left_out:
            names = ", ".join(f"{n} ({k})" for n, k in who.left_out[:_NAMES])
            more = len(who.left_out) - _NAMES
            if more > 0:
                names += self.tr(" and {n} more").format(n=words.count(more))
            told.append(
                self.tr("Left out, with fewer than {least} labelled items: {names}").format(
                    least=who.least, names=names
                )
            )
        return "\n".join(told)

    def _show_backbone(self, found: BackboneFacts) -> None:
        licence = found.licence or self.tr("not known here: see where its weights come from")
        told = self.tr("{title}, licence {licence}").format(title=found.title, licence=licence)
        if self._request is not None and not self._request.space:
            told += "\n" + self.tr("All images are embedded with it first.")
        self.backbone.setText("\n".join(filter(None, [told, found.note])))

    def _cannot(self, error: UserError) -> None:
        self.who.setText(error.what)
        self.categories.hide()
        self.disk.setText("–")
        self._set_wrong(str(error))

    def _set_wrong(self, text: str) -> None:
        if self._context.studio.store.read_only:
            text = self.tr("The project is open read-only.")
        self.wrong.setText(text)
        self.wrong.setVisible(bool(text))
        self.start.setEnabled(not text)
        self.measure.setEnabled(not text and bool(self._request and self._request.space))

    # ---- disk and time ---------------------------------------------------------------------
    def _ask_disk(self, request: Request, items: int) -> None:
        if not request.space:
            self.disk.setText(self.tr("Known once the images are embedded."))
            return
        if self.wrong.text() or items > _DISK_UP_TO:
            self.disk.setText(self.tr("“Measure the time” tells it."))
            return
        studio, asked = self._context.studio, request.arguments()
        for name in ("seed", "threads"):
            asked.pop(name)
        asked["space"] = request.space
        self._context.tasks.submit(
            _DISK,
            lambda _ticket: planning.disk(studio, request.method, **asked),
            self._show_disk,
            lambda error: self._set_wrong(str(error)),
        )

    def _show_disk(self, found: Disk | None) -> None:
        if found is None:
            self.disk.setText(self.tr("Told when the training at work is over."))
            return
        if not found.total:
            text = self.tr("Nothing is stored: pictures are read anew in each step.")
        else:
            text = self.tr("{size} while it trains ({n} views of each item), then freed").format(
                size=words.size(found.total), n=found.views_per_item
            )
        text += "\n" + self.tr("{size} are free").format(size=words.size(found.free))
        self.disk.setText(text)
        if not found.fits:
            self._set_wrong(
                self.tr("The disk would keep less than 2 GB free. Make room on it first.")
            )

    def measure_time(self) -> None:
        """Train a few steps in the background and say what the whole would take."""
        request = self._request
        if request is None:
            return
        studio = self._context.studio

        def done(plan: Plan) -> None:
            self._measured = (request, plan)
            self._show_disk(plan.disk)
            self._show_time()

        self._context.jobs.add(
            self.tr("Measure the time of a training"),
            lambda: planning.measure(studio, request.method, **request.arguments()),
            done,
            key="train measure",
        )
        self.time.setText(self.tr("Measuring..."))

    def _show_time(self) -> None:
        if self._measured is None or not _same(self._measured[0], self._request):
            self.time.setText(self.tr("Not measured for these settings."))
            return
        plan = self._measured[1]
        parts = [
            (self.tr("preparing {time}"), plan.views_s),
            (self.tr("training {time}"), plan.training_s),
            (self.tr("embedding {time}"), plan.embedding_s),
        ]
        told = ", ".join(w.format(time=words.duration(s)) for w, s in parts if s >= 0.5)
        cores = preferences.cores_for_jobs()
        self.time.setText(
            self.tr("About {time} on {cores}: {parts} ({steps} steps)").format(
                time=words.duration(plan.seconds),
                cores=self.tr("one core") if cores == 1 else self.tr("{n} cores").format(n=cores),
                parts=told,
                steps=words.count(plan.steps),
            )
        )


def _same(one: Request, other: Request | None) -> bool:
    if other is None:
        return False
    given = [
        (r.method, r.preset, r.train, r.splits, r.space, dict(r.settings), r.items is None)
        for r in (one, other)
    ]
    count = [0 if r.items is None else len(r.items) for r in (one, other)]
    return given[0] == given[1] and count[0] == count[1]


def _text() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label

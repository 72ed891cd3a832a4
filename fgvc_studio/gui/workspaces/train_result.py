"""What a run brought: the card's verdict, numbers with intervals, what was lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QToolButton, QVBoxLayout, QWidget

from fgvc_studio.domain.runs import RunCard
from fgvc_studio.gui import words
from fgvc_studio.gui.icons import icon
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.widgets.inspector_parts import FactsTable, Heading
from fgvc_studio.gui.widgets.metric_bars import Bar, MetricBars, MetricRow
from fgvc_studio.gui.workspaces import train_words
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.services import run_cards

_HEADLINES = (
    "knn10_weighted", "recall@1", "map@r", "linear_probe", "accuracy", "balanced_accuracy",
    "accuracy_all", "accuracy_seen", "accuracy_novel", "cluster_accuracy", "cluster_nmi",
)  # fmt: skip
_WIDEST = 860
_WORST, _BEST, _PAIRS = 8, 5, 6
_SLOT = "train readout"


class TrainResult(QScrollArea):
    """The card of a run for reading."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._card: RunCard | None = None
        self._preset = ""
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verdict = _text("heading")
        self.protocol = _text("muted")
        self.bars = MetricBars()
        self.more = QToolButton()
        self.more.setCheckable(True)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more.toggled.connect(lambda _on: self._show_bars())
        self.findings = QVBoxLayout()
        self.findings.setSpacing(6)
        self.notes = _text("muted")
        self.blind = _text("")
        self.lost_heading = Heading(self.tr("Hidden categories: what got worse and better"))
        self.lost = FactsTable()
        self.pairs_heading = Heading(
            self.tr("Closest pairs: a mistake in the labels, or one kind?")
        )
        self.pairs = FactsTable()
        self.facts = FactsTable()
        self.settings_heading = Heading(self.tr("Settings"))
        self.settings = FactsTable()
        self.all_settings = QToolButton()
        self.all_settings.setCheckable(True)
        self.all_settings.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.all_settings.toggled.connect(self._show_settings)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(20, 14, 20, 20)
        column.setSpacing(8)
        for widget in (self.verdict, self.protocol, self.bars, self.more):
            column.addWidget(widget)
        column.addLayout(self.findings)
        for widget in (
            self.blind,
            self.notes,
            self.lost_heading,
            self.lost,
            self.pairs_heading,
            self.pairs,
            Heading(self.tr("How it was made")),
            self.facts,
            self.settings_heading,
            self.settings,
            self.all_settings,
        ):
            column.addWidget(widget)
        column.addStretch(1)
        body.setMaximumWidth(_WIDEST)
        self.setWidget(body)

    def show_card(self, card: RunCard, preset: str = "") -> None:
        """Show a card of a run that began from a preset."""
        self._card, self._preset = card, preset
        self.verdict.setText(card.verdict)
        protocol = str(card.data.get("protocol") or "")
        self.protocol.setText(self.tr("Measured: {how}").format(how=protocol) if protocol else "")
        self.protocol.setVisible(bool(protocol) and bool(card.metrics))
        self.more.setChecked(False)
        self._show_bars()
        self._show_findings(card)
        self.blind.setText(self._blind_words(card))
        self.blind.setVisible(bool(card.blind_test))
        notes = [*card.notes, *card.alarms]
        left_out = card.data.get("left_out")
        if isinstance(left_out, list) and left_out:
            count = words.count(len(left_out))
            notes.append(self.tr("{n} items could not be read.").format(n=count))
        self.notes.setText("\n".join(notes))
        self.notes.setVisible(bool(notes))
        self.facts.set_rows(self._facts(card))
        self.all_settings.setChecked(False)
        self._show_settings()
        self._show_categories({})
        studio = self._context.studio

        def read(_ticket: Ticket) -> tuple[str, dict[str, Any]]:
            return card.run, run_cards.readout(studio, card.run)

        self._context.tasks.submit(_SLOT, read, self._readout_came)

    # ---- numbers ---------------------------------------------------------------------------
    def _show_bars(self) -> None:
        card = self._card
        if card is None:
            return
        shares = [name for name in card.metrics if _is_share(card.metrics[name])]
        first = [name for name in _HEADLINES if name in shares] or shares[:4]
        rest = [name for name in shares if name not in first]
        on = self.more.isChecked()
        rows = [_row(name, card.metrics, card.baseline) for name in (first + rest if on else first)]
        self.bars.set_rows(rows)
        self.bars.setVisible(bool(rows))
        self.more.setVisible(bool(rest))
        self.more.setIcon(icon("minus" if on else "plus"))
        text = self.tr("Fewer numbers") if on else self.tr("All numbers ({n} more)")
        self.more.setText(text.format(n=len(rest)))

    def _show_findings(self, card: RunCard) -> None:
        while self.findings.count():
            widget = self.findings.takeAt(0).widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for title, found in card.findings.items():
            self.findings.addWidget(Heading(title[:1].upper() + title[1:]))
            self.findings.addWidget(_text("", found.verdict))
            if found.protocol:
                self.findings.addWidget(_text("muted", found.protocol))
            names = [n for n in found.metrics if _is_share(found.metrics[n])]
            first = [n for n in ("map@r", "recall@1", "nmi") if n in names] or names[:3]
            if first:
                bars = MetricBars()
                bars.set_rows([_row(n, found.metrics, found.baseline) for n in first])
                self.findings.addWidget(bars)

    def _blind_words(self, card: RunCard) -> str:
        if not card.blind_test:
            return ""
        who = card.blind_test.get("who")
        told = str(card.blind_test.get("sentence", ""))
        by = self.tr(" ({who})").format(who=who) if who else ""
        return self.tr("Blind test{by}: {told}").format(by=by, told=told)

    # ---- categories ------------------------------------------------------------------------
    def _readout_came(self, answer: tuple[str, dict[str, Any]]) -> None:
        run_id, found = answer
        if self._card is not None and self._card.run == run_id:
            self._show_categories(found)

    def _show_categories(self, found: Mapping[str, Any]) -> None:
        name = self._context.studio.catalogue.name
        hidden = found.get("hidden") or []
        shown = hidden[:_WORST] + list(hidden[_WORST:][-_BEST:])
        rows = [
            (
                name(int(h["category"])),
                self.tr("mAP@R {before} → {after} ({n} items)").format(
                    before=f"{h['before']:.2f}", after=f"{h['after']:.2f}", n=h["items"]
                ),
            )
            for h in shown
        ]
        self.lost.set_rows(rows)
        pairs = (found.get("known") or {}).get("closest_pairs") or []
        told = [
            (
                " – ".join(name(int(c)) for c in pair["categories"]),
                self.tr("mean distance {d}").format(d=f"{pair['distance']:.2f}"),
            )
            for pair in pairs[:_PAIRS]
            if pair.get("distance") is not None
        ]
        self.pairs.set_rows(told)
        for widget, wanted in (
            (self.lost_heading, rows),
            (self.lost, rows),
            (self.pairs_heading, told),
            (self.pairs, told),
        ):
            widget.setVisible(bool(wanted))

    def _facts(self, card: RunCard) -> list[tuple[str, str]]:
        total = card.times.get("total", 0.0)
        times = [
            f"{k} {words.duration(v)}" for k, v in card.times.items() if k != "total" and v >= 1
        ]
        parts = f" ({', '.join(times)})" if times else ""
        items = int(str(card.data.get("items", 0)))
        splits = card.data.get("splits")
        told = ", ".join(map(str, splits)) if isinstance(splits, list | tuple) else ""
        return [
            (self.tr("Items"), f"{words.count(items)} ({told})" if told else words.count(items)),
            (self.tr("Time"), words.duration(total) + parts),
            (self.tr("Backbone"), str(card.backbone.get("name", ""))),
            *([(self.tr("Preset"), self._preset)] if self._preset else []),
            (self.tr("Seed"), str(card.seed)),
            (self.tr("Version"), card.code_version),
        ]

    def _show_settings(self, on: bool = False) -> None:
        """What the preset changed or a form shows first; the rest on request."""
        if self._card is None:
            return
        every = train_words.settings_of(self._card, self._preset)
        shown = [said for told, said in every if on or told.shown_first]
        self.settings.set_rows([(s.name, s.value) for s in shown], [s.tip for s in shown])
        for widget in (self.settings_heading, self.settings):
            widget.setVisible(bool(shown))
        rest = sum(not told.shown_first for told, _ in every)
        text = self.tr("Fewer settings") if on else self.tr("All settings ({n} more)")
        self.all_settings.setVisible(rest > 0)
        self.all_settings.setIcon(icon("minus" if on else "plus"))
        self.all_settings.setText(text.format(n=rest))


def _row(
    name: str, metrics: Mapping[str, Mapping[str, float]], base: Mapping[str, Any]
) -> MetricRow:
    before = base.get(name)
    return MetricRow(
        train_words.metric_name(name), _bar(before) if before else None, _bar(metrics[name])
    )


def _bar(metric: Mapping[str, float]) -> Bar:
    return Bar(float(metric["value"]), float(metric["low"]), float(metric["high"]))


def _is_share(metric: Mapping[str, float]) -> bool:
    return -1.0 <= float(metric["value"]) <= 1.0


def _text(role: str, text: str = "") -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        label.setProperty("role", role)
    return label

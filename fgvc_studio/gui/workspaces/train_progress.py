"""How a run goes: curves, alarms, and a map of a fixed sample that moves as it learns."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSlider, QSplitter, QVBoxLayout, QWidget

from fgvc_studio.domain.runs import RunCard
from fgvc_studio.gui import words
from fgvc_studio.gui.models.run_history import RunHistory
from fgvc_studio.gui.widgets.category_swatch import colour_of
from fgvc_studio.gui.widgets.curve_figure import Panel
from fgvc_studio.gui.widgets.curves import CurveBoard
from fgvc_studio.gui.widgets.map_canvas import LegendRow, MapCanvas
from fgvc_studio.gui.widgets.thumbnails import Thumbnails
from fgvc_studio.gui.workspaces import train_words
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.services.live_map import Frame

_READ_OUTS = {
    "ecaml": ("hidden_recall@1", "hidden_map@r", "row_length"),
    "cmd": ("target_entropy", "spread", "rank"),
}


class _ReadOut(QFrame):
    """One number with its name."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 6, 12, 6)
        column.setSpacing(0)
        self.value = QLabel("–")
        self.value.setProperty("role", "title")
        self.name = QLabel()
        self.name.setProperty("role", "muted")
        self.name.setWordWrap(True)
        column.addWidget(self.value)
        column.addWidget(self.name)

    def show_number(self, key: str, value: float, best: float) -> None:
        """Show a value under its name; shares also with the best so far."""
        shared = key.startswith("hidden")
        if math.isnan(value):
            text = "–"
        elif shared:
            text = f"{100 * value:.1f} %"
        else:
            text = f"{value:.1f}" if key == "rank" or value >= 10 else f"{value:.3f}"
        self.value.setText(text)
        name = train_words.name_of(key)
        if shared and not math.isnan(best):
            name += "\n" + self.tr("best so far {share}").format(share=f"{100 * best:.1f}\u00a0%")
        self.name.setText(name)
        self.setAccessibleName(f"{train_words.name_of(key)}: {text}")


class TrainProgress(QWidget):
    """Curves at the left; read-outs and the live map at the right."""

    def __init__(
        self, context: Context, thumbnails: Thumbnails, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._context = context
        self._history: RunHistory | None = None
        self._method = ""
        self._drawn = -1
        self._frame: Frame | None = None
        self._lines: dict[str, tuple[tuple[str, float], ...]] = {}
        self.alarms = QLabel()
        self.alarms.setProperty("role", "danger")
        self.alarms.setWordWrap(True)
        self.alarms.setContentsMargins(16, 6, 16, 6)
        self.alarms.hide()
        self.curves = CurveBoard(context.tasks)
        self.map = MapCanvas(
            context.selection,
            lambda item: thumbnails.pixmap(item, 128),
            lambda item: self._caption(item),
        )
        self.map.bar.hide()
        self.map.bar.legend.setChecked(False)
        self.map.setMinimumSize(220, 180)
        self.map_told = QLabel()
        self.map_told.setProperty("role", "muted")
        self.map_told.setWordWrap(True)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName(self.tr("Moment of the map"))
        self.slider.setPageStep(1)
        self.slider.valueChanged.connect(self._scrubbed)
        self._read_outs = [_ReadOut() for _ in range(3)]
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self.splitter.addWidget(self.curves)
        self.side = self._right()
        self.splitter.addWidget(self.side)
        self.splitter.setStretchFactor(0, 3)
        self.splitter.setStretchFactor(1, 2)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setSizes([620, 400])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.alarms)
        column.addWidget(self.splitter, 1)

    def _right(self) -> QWidget:
        side = QWidget(self.splitter)
        column = QVBoxLayout(side)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(8)
        row = QHBoxLayout()
        for box in self._read_outs:
            row.addWidget(box, 1)
        column.addLayout(row)
        column.addWidget(self.map, 1)
        column.addWidget(self.slider)
        column.addWidget(self.map_told)
        return side

    # ---- what is shown ---------------------------------------------------------------------
    def show_run(self, history: RunHistory, method: str, card: RunCard | None) -> None:
        """Follow the reports of another run."""
        if history is not self._history:
            self._history, self._drawn, self._frame = history, -1, None
            self.slider.setRange(0, 0)
            self._method = method
            self.curves.clear()
            self.map.set_map(None)
        self._lines = self._levels(card)
        self.side.setVisible(method in _READ_OUTS)  # others show no sample and no read-outs
        self.refresh()

    def refresh(self) -> None:
        """Reports may have come."""
        history = self._history
        if history is None or not self.isVisible():
            return
        if history.version != self._drawn:
            self._drawn = history.version
            lines = self._lines
            self.curves.show_board(lambda: _board(history, lines))
        names = _READ_OUTS.get(self._method, ())
        for box, name in zip(self._read_outs, names, strict=False):
            box.show_number(name, history.latest(name), history.best(name))
        for i, box in enumerate(self._read_outs):
            shown = i < len(names) and not math.isnan(history.latest(names[i]))
            box.setVisible(shown)
        alarms = history.alarms
        self.alarms.setVisible(bool(alarms))
        self.alarms.setText("\n".join(alarms))
        self._show_frames(history.frames)

    def _levels(self, card: RunCard | None) -> dict[str, tuple[tuple[str, float], ...]]:
        """Horizontal lines of the curves: what the frozen space has on hidden categories."""
        found = {}
        for key, metric in (("hidden_map@r", "map@r"), ("hidden_recall@1", "recall@1")):
            pair = train_words.hidden_metric(card, metric) if card else None
            if pair and pair[1]:
                found[key] = ((self.tr("frozen"), float(pair[1]["value"])),)
        return found

    # ---- the map ---------------------------------------------------------------------------
    def _show_frames(self, frames: list[Frame]) -> None:
        self.slider.setVisible(len(frames) > 1)
        if not frames:
            self.map.empty.hide()
            self.map_told.setText(
                self.tr("The map of a sample appears after some epochs.")
                if self._method in _READ_OUTS
                else ""
            )
            self.map.setVisible(self._method in _READ_OUTS)
            return
        self.map.setVisible(True)
        self.map.empty.show()
        follows = self.slider.value() == self.slider.maximum()
        self.slider.blockSignals(True)
        self.slider.setRange(0, len(frames) - 1)
        if follows:
            self.slider.setValue(len(frames) - 1)
        self.slider.blockSignals(False)
        self._show_frame(frames[min(self.slider.value(), len(frames) - 1)])

    def _scrubbed(self, place: int) -> None:
        frames = self._history.frames if self._history else []
        if place < len(frames):
            self._show_frame(frames[place])

    def _show_frame(self, frame: Frame) -> None:
        if frame is self._frame:
            return
        self._frame = frame
        self.map.set_map(frame.xy, frame.item_ids)
        catalogue = self._context.studio.catalogue
        codes = catalogue.columns.category[frame.item_ids - 1].astype(np.int32) - 1
        legend: list[LegendRow] = [
            (int(c), catalogue.name(int(c) + 1), colour_of(int(c)), int(n))
            for c, n in zip(*np.unique(codes[codes >= 0], return_counts=True), strict=True)
        ]
        self.map.set_colours(codes, legend, self.tr("Category"))
        self.map_told.setText(
            self.tr("A fixed sample of {n} items after {step} steps, coloured by category").format(
                n=words.count(len(frame.item_ids)), step=words.count(frame.step)
            )
        )

    def _caption(self, item: int) -> str:
        catalogue = self._context.studio.catalogue
        return catalogue.name(int(catalogue.category[item - 1])) or self.tr("Unlabelled")

    def stop(self) -> None:
        """The project closes."""
        self.map.stop()


def _board(
    history: RunHistory, lines: dict[str, tuple[tuple[str, float], ...]]
) -> tuple[tuple[Panel, ...], tuple[int, ...], int]:
    found = history.snapshot()
    return tuple(train_words.panels_of(found, lines)), found.parts, found.total

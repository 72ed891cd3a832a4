"""The bar above the map: tools, colour by, density, zoom."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QToolButton,
    QWidget,
)

from fgvc_studio.gui import theme
from fgvc_studio.gui.icons import icon
from fgvc_studio.gui.widgets.map_tools import Tool

_ROOM_FOR_PAN = 400
"""Below, the hand gives way: a drag with the arrow pans as well."""
_ROOM_FOR_LABEL = 480
_ROOM_FOR_INFO = 600
_ROOM_FOR_TOGGLES = 440
_ROOM_FOR_SPACE = 560


class MapBar(QWidget):
    """Buttons of the map; says what was chosen, changes nothing itself."""

    tool_chosen = Signal(object)
    colour_by_chosen = Signal(str)
    space_chosen = Signal(str)
    density_toggled = Signal(bool)
    names_toggled = Signal(bool)
    legend_toggled = Signal(bool)
    fit_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._usable = True
        row = QHBoxLayout(self)
        row.setContentsMargins(5, 4, 5, 4)
        row.setSpacing(2)
        self._buttons: list[tuple[QToolButton, str]] = []
        self._tools: dict[Tool, QToolButton] = {}
        group = QButtonGroup(self)
        for tool, text in (
            (Tool.SELECT, self.tr("Select by click, drag to pan (Q)")),
            (Tool.BOX, self.tr("Select a box (B)")),
            (Tool.LASSO, self.tr("Select with a lasso (O)")),
            (Tool.PAN, self.tr("Pan (P; or hold Space)")),
        ):
            button = self._button(tool.value, text, checkable=True)
            button.clicked.connect(lambda _=False, t=tool: self.tool_chosen.emit(t))
            group.addButton(button)
            self._tools[tool] = button
            row.addWidget(button)
        row.addSpacing(4)
        self.space = QToolButton(self)
        self.space.setAccessibleName(self.tr("Space that map and search use"))
        self.space.setToolTip(self.tr("Space: map, search and suggestions use it"))
        self.space.setIcon(icon("embed"))
        self.space.setIconSize(QSize(18, 18))
        self.space.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._spaces = QMenu(self.space)
        self._spaces.triggered.connect(lambda action: self.space_chosen.emit(action.text()))
        self.space.setMenu(self._spaces)
        self.space.hide()
        row.addWidget(self.space)
        row.addSpacing(4)
        self._label = label = QLabel(self.tr("Colour by"), self)
        label.setProperty("role", "muted")
        self.colour_by = QComboBox(self)
        self.colour_by.setAccessibleName(self.tr("Colour the map by"))
        self.colour_by.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.colour_by.setMinimumContentsLength(9)
        self.colour_by.hide()
        self.colour_by.currentIndexChanged.connect(self._colour_by_changed)
        label.setBuddy(self.colour_by)
        row.addWidget(label)
        row.addSpacing(4)
        row.addWidget(self.colour_by)
        row.addStretch(1)
        self.info = QLabel(self)
        self.info.setProperty("role", "muted")
        row.addWidget(self.info)
        row.addSpacing(6)
        self.density = self._button("density", self.tr("Density (D)"), checkable=True)
        self.density.toggled.connect(self.density_toggled)
        self.names = self._button("names", self.tr("Names on the map"), checkable=True)
        self.names.setChecked(True)
        self.names.toggled.connect(self.names_toggled)
        self.legend = self._button("legend", self.tr("Legend"), checkable=True)
        self.legend.setChecked(True)
        self.legend.toggled.connect(self.legend_toggled)
        fit = self._button("fit", self.tr("Show the whole map (0)"))
        fit.clicked.connect(self.fit_clicked)
        self._toggles = (self.density, self.names, self.legend)
        self._more = self._button("density", self.tr("What the map shows"))
        self._more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._more.setMenu(self._menu_of_toggles())
        for button in (*self._toggles, self._more, fit):
            row.addWidget(button)
        theme.signal().changed.connect(self._paint_icons)
        self._paint_icons()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Let words go before buttons when the map is narrow."""
        super().resizeEvent(event)
        self.info.setVisible(self.width() >= _ROOM_FOR_INFO)
        self._tools[Tool.PAN].setVisible(self.width() >= _ROOM_FOR_PAN)
        self._label.setVisible(self.width() >= _ROOM_FOR_LABEL)
        room = self.width() >= _ROOM_FOR_TOGGLES
        for button in self._toggles:
            button.setVisible(room)
        self._more.setVisible(not room)

        style = Qt.ToolButtonStyle
        wide = self.width() >= _ROOM_FOR_SPACE
        self.space.setToolButtonStyle(
            style.ToolButtonTextBesideIcon if wide else style.ToolButtonIconOnly
        )

    def _menu_of_toggles(self) -> QMenu:
        """The toggles once more, for a map too narrow for their buttons."""
        menu = QMenu(self)
        for button in self._toggles:
            action = menu.addAction(button.toolTip())
            action.setCheckable(True)
            action.setChecked(button.isChecked())
            action.toggled.connect(button.setChecked)
            button.toggled.connect(action.setChecked)
        return menu

    def _button(self, name: str, text: str, *, checkable: bool = False) -> QToolButton:
        button = QToolButton(self)
        button.setCheckable(checkable)
        button.setToolTip(text)
        button.setAccessibleName(text)
        button.setIconSize(QSize(18, 18))
        self._buttons.append((button, name))
        return button

    def _paint_icons(self) -> None:
        for button, name in self._buttons:
            button.setIcon(_icon(name, theme.current().text))

    def set_usable(self, on: bool) -> None:
        """Whether there is a map to work on; the space can be chosen anyway."""
        self._usable = on
        self._show_or_hide()
        for widget in (self._label, self.colour_by, *(button for button, _ in self._buttons)):
            widget.setEnabled(on)

    def _show_or_hide(self) -> None:
        """Without a map and without a choice of spaces there is nothing to do here."""
        self.setVisible(self._usable or len(self._spaces.actions()) > 1)

    def set_tool(self, tool: Tool) -> None:
        """Show which tool is in use."""
        self._tools[tool].setChecked(True)

    def set_colour_options(self, options: Sequence[tuple[str, str]], key: str) -> None:
        """Offer (key, title) pairs; choosing one by hand tells, setting it here does not."""
        self.colour_by.blockSignals(True)
        self.colour_by.clear()
        for k, title in options:
            self.colour_by.addItem(title, k)
        self.colour_by.setCurrentIndex(max(0, self.colour_by.findData(key)))
        self.colour_by.setVisible(bool(options))
        self.colour_by.blockSignals(False)

    def set_spaces(self, names: Sequence[str], chosen: str) -> None:
        """Offer spaces to look at; with fewer than two there is no choice."""
        self._spaces.clear()
        for name in names:
            action = self._spaces.addAction(name)
            action.setCheckable(True)
            action.setChecked(name == chosen)
        self.space.setText(chosen)
        self.space.setAccessibleDescription(chosen)
        self.space.setVisible(len(names) > 1)
        self._show_or_hide()

    def offered(self) -> QMenu | None:
        """The menu of spaces; None where there is no choice."""
        return self._spaces if len(self._spaces.actions()) > 1 else None

    def _colour_by_changed(self, index: int) -> None:
        if index >= 0:
            self.colour_by_chosen.emit(str(self.colour_by.itemData(index)))


def _icon(name: str, colour: str) -> QIcon:
    icon = QIcon()
    for ratio in (1, 2):
        pixmap = QPixmap(18 * ratio, 18 * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(QColor(colour), 1.5)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        _DRAW[name](painter, QColor(colour))
        painter.end()
        icon.addPixmap(pixmap)
    return icon


def _select(p: QPainter, ink: QColor) -> None:
    path = QPainterPath(QPointF(4, 2.5))
    for x, y in ((4, 14), (7.2, 11), (9.4, 15.6), (11.4, 14.7), (9.3, 10.2), (13.6, 9.8)):
        path.lineTo(x, y)
    path.closeSubpath()
    p.drawPath(path)


def _box(p: QPainter, ink: QColor) -> None:
    pen = p.pen()
    pen.setDashPattern([2, 2])
    p.setPen(pen)
    p.drawRect(QRectF(3, 4, 12, 10))


def _lasso(p: QPainter, ink: QColor) -> None:
    path = QPainterPath(QPointF(5, 12))
    path.cubicTo(0, 9, 3, 3, 9.5, 3)
    path.cubicTo(16, 3, 17, 10, 11, 11.5)
    path.cubicTo(8, 12.2, 6, 12.5, 5, 12)
    path.cubicTo(3, 12.5, 4, 16, 7, 15.5)
    p.drawPath(path)


def _pan(p: QPainter, ink: QColor) -> None:
    for dx, dy in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        tip = QPointF(9 + 7 * dx, 9 + 7 * dy)
        p.drawLine(QPointF(9, 9), tip)
        p.drawLine(tip, tip + QPointF(-2.2 * dx + 2.2 * dy, -2.2 * dy + 2.2 * dx))
        p.drawLine(tip, tip + QPointF(-2.2 * dx - 2.2 * dy, -2.2 * dy - 2.2 * dx))


def _density(p: QPainter, ink: QColor) -> None:
    p.drawEllipse(QPointF(9, 9), 7, 5.6)
    p.drawEllipse(QPointF(9.6, 9), 3.8, 2.9)
    p.setBrush(ink)
    p.drawEllipse(QPointF(10, 9), 0.8, 0.8)


def _names(p: QPainter, ink: QColor) -> None:
    p.drawLine(QPointF(4, 4.5), QPointF(14, 4.5))
    p.drawLine(QPointF(9, 4.5), QPointF(9, 14.5))


def _legend(p: QPainter, ink: QColor) -> None:
    for y in (4.5, 9, 13.5):
        p.setBrush(ink)
        p.drawEllipse(QPointF(4, y), 1, 1)
        p.drawLine(QPointF(8, y), QPointF(15, y))


def _fit(p: QPainter, ink: QColor) -> None:
    for x, y, sx, sy in ((3, 3, 1, 1), (15, 3, -1, 1), (3, 15, 1, -1), (15, 15, -1, -1)):
        p.drawLine(QPointF(x, y), QPointF(x + 4 * sx, y))
        p.drawLine(QPointF(x, y), QPointF(x, y + 4 * sy))


_DRAW = {
    "select": _select,
    "box": _box,
    "lasso": _lasso,
    "pan": _pan,
    "density": _density,
    "names": _names,
    "legend": _legend,
    "fit": _fit,
}

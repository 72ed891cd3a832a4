"""Colours, sizes and the style sheet; the only place where the GUI names a colour."""

from __future__ import annotations

import re
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from fgvc_studio.gui import shell_style

TEXT = 13
"""Height of ordinary text in pixels, as designed."""
STYLE = "fusion"


@dataclass(frozen=True, slots=True)
class Theme:
    """One set of colours (hex), named by use."""

    name: str
    window: str
    panel: str
    raised: str
    field: str
    canvas: str
    border: str
    text: str
    muted: str
    accent: str
    on_accent: str
    selection: str
    hover: str
    good: str
    warning: str
    danger: str
    human: str
    model: str
    unlabelled: str
    shade: str

    @property
    def dark(self) -> bool:
        """Whether this is the dark set."""
        return self.name == "dark"


LIGHT = Theme(
    name="light",
    window="#f3f4f2",
    panel="#fbfbfa",
    raised="#ffffff",
    field="#ffffff",
    canvas="#ececea",
    border="#d3d6d2",
    text="#1d2422",
    muted="#5d6763",
    accent="#0f6e5c",
    on_accent="#ffffff",
    selection="#e07a00",
    hover="#e3e8e5",
    good="#1d7f4e",
    warning="#9a6200",
    danger="#b3261e",
    human="#0f6e5c",
    model="#6a4fb3",
    unlabelled="#9aa39f",
    shade="#1d2422",
)
DARK = Theme(
    name="dark",
    window="#1b1f1e",
    panel="#222726",
    raised="#2b3130",
    field="#191d1c",
    canvas="#141716",
    border="#3a4240",
    text="#e7ecea",
    muted="#9aa6a2",
    accent="#49b79f",
    on_accent="#06201a",
    selection="#ffab40",
    hover="#313937",
    good="#5fc48e",
    warning="#e0ac4a",
    danger="#f2837b",
    human="#49b79f",
    model="#b39ef0",
    unlabelled="#6d7774",
    shade="#000000",
)


class _Current(QObject):
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.theme = LIGHT
        self.scale = 1.0


_current: _Current | None = None


def _holder() -> _Current:
    global _current
    if _current is None:
        _current = _Current()
    return _current


def current() -> Theme:
    """The theme in use."""
    return _holder().theme


def signal() -> _Current:
    """An object whose `changed` signal tells that the theme changed."""
    return _holder()


def px(size: int) -> int:
    """Height of text in pixels, for what is `size` pixels high as designed."""
    return round(size * _holder().scale)


def apply(app: QApplication, choice: str = "system", scale: float | None = None) -> None:
    """Use ``light``, ``dark`` or the system's colours; `scale` makes all text larger or smaller."""
    if choice == "system":
        dark = app.styleHints().colorScheme() == Qt.ColorScheme.Dark
    else:
        dark = choice == "dark"
    theme = DARK if dark else LIGHT
    holder = _holder()
    holder.theme = theme
    if scale is not None:
        holder.scale = scale
    font = app.font()
    font.setPixelSize(px(TEXT))
    app.setStyleSheet("")  # replacing a sheet by another takes Qt ten times as long
    app.setFont(font)
    if app.style().name().lower() != STYLE:
        app.setStyle(STYLE)
    app.setPalette(_palette(theme))
    app.setStyleSheet(_scaled(style_sheet(theme) + shell_style.sheet(theme)))
    holder.changed.emit()


def _scaled(sheet: str) -> str:
    return re.sub(r"font-size: (\d+)px", lambda m: f"font-size: {px(int(m[1]))}px", sheet)


def _palette(t: Theme) -> QPalette:
    p = QPalette()
    role = QPalette.ColorRole
    for r, c in (
        (role.Window, t.window),
        (role.WindowText, t.text),
        (role.Base, t.field),
        (role.AlternateBase, t.panel),
        (role.Text, t.text),
        (role.Button, t.raised),
        (role.ButtonText, t.text),
        (role.BrightText, t.danger),
        (role.ToolTipBase, t.raised),
        (role.ToolTipText, t.text),
        (role.Highlight, t.accent),
        (role.HighlightedText, t.on_accent),
        (role.PlaceholderText, t.muted),
        (role.Link, t.accent),
        (role.Mid, t.border),
    ):
        p.setColor(r, QColor(c))
    for r in (role.Text, role.WindowText, role.ButtonText):
        p.setColor(QPalette.ColorGroup.Disabled, r, QColor(t.unlabelled))
    return p


def style_sheet(t: Theme) -> str:
    """The application's style sheet; object names and the ``role`` property select variants."""
    return f"""
    QWidget {{ font-size: 13px; color: {t.text}; }}
    QToolTip {{ background: {t.raised}; color: {t.text}; border: 1px solid {t.border};
        padding: 4px 6px; }}
    QMainWindow, QDialog {{ background: {t.window}; }}
    QFrame#panel {{ background: {t.panel}; border: none; }}
    QLabel[role="title"] {{ font-size: 22px; font-weight: 600; }}
    QLabel[role="heading"] {{ font-size: 14px; font-weight: 600; }}
    QLabel[role="muted"] {{ color: {t.muted}; }}
    QLabel[role="danger"] {{ color: {t.danger}; }}
    QLabel[role="good"] {{ color: {t.good}; }}
    QLabel[role="warning"] {{ color: {t.warning}; }}
    QPushButton {{ background: {t.raised}; border: 1px solid {t.border}; border-radius: 5px;
        padding: 5px 12px; min-height: 18px; }}
    QPushButton:hover {{ background: {t.hover}; }}
    QPushButton:focus, QToolButton:focus, QComboBox:focus, QCheckBox:focus {{
        border: 2px solid {t.accent}; }}
    QPushButton:disabled {{ color: {t.unlabelled}; background: {t.panel}; }}
    QPushButton[role="primary"] {{ background: {t.accent}; color: {t.on_accent};
        border: 1px solid {t.accent}; font-weight: 600; }}
    QPushButton[role="primary"]:focus {{ border: 2px solid {t.text}; }}
    QPushButton[role="primary"]:disabled {{ background: {t.border}; color: {t.muted};
        border-color: {t.border}; }}
    QPushButton[role="tab"] {{ background: transparent; border: 1px solid transparent;
        border-bottom: 2px solid transparent; border-radius: 0; padding: 5px 10px; }}
    QPushButton[role="tab"]:hover {{ background: {t.hover}; }}
    QPushButton[role="tab"]:checked {{ color: {t.accent}; border-bottom: 2px solid {t.accent}; }}
    QPushButton[role="tab"]:focus {{ border: 2px solid {t.accent}; }}
    QPushButton[role="chip"] {{ border-radius: 11px; padding: 2px 10px; }}
    QPushButton[role="flat"], QToolButton {{ background: transparent; border: 1px solid transparent;
        border-radius: 5px; padding: 4px; }}
    QPushButton[role="flat"]:hover, QToolButton:hover {{ background: {t.hover}; }}
    QToolButton:checked {{ background: {t.hover}; border-color: {t.border}; }}
    QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox, QComboBox {{
        background: {t.field}; border: 1px solid {t.border}; border-radius: 5px; padding: 4px 6px;
        selection-background-color: {t.accent}; selection-color: {t.on_accent}; }}
    QLineEdit:focus, QPlainTextEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus {{
        border: 2px solid {t.accent}; padding: 3px 5px; }}
    QTreeView, QTableView, QListView {{ background: {t.panel}; border: none; outline: 0;
        alternate-background-color: {t.window}; gridline-color: {t.border}; }}
    QTreeView::item, QListView::item {{ min-height: 24px; }}
    QTreeView::item:hover, QListView::item:hover {{ background: {t.hover}; }}
    QTreeView::item:selected, QTableView::item:selected, QListView::item:selected {{
        background: {t.accent}; color: {t.on_accent}; }}
    QHeaderView::section {{ background: {t.panel}; color: {t.muted}; border: none;
        border-bottom: 1px solid {t.border}; padding: 5px 6px; }}
    QSplitter::handle {{ background: {t.border}; }}
    QSplitter::handle:horizontal {{ width: 1px; }} QSplitter::handle:vertical {{ height: 1px; }}
    QProgressBar {{ border: none; background: {t.border}; border-radius: 3px; max-height: 6px; }}
    QProgressBar::chunk {{ background: {t.accent}; border-radius: 3px; }}
    QScrollBar:vertical {{ background: transparent; width: 12px; margin: 0; }}
    QScrollBar:horizontal {{ background: transparent; height: 12px; margin: 0; }}
    QScrollBar::handle {{ background: {t.border}; border-radius: 4px; margin: 2px;
        min-height: 28px; min-width: 28px; }}
    QScrollBar::handle:hover {{ background: {t.muted}; }}
    QScrollBar::handle:disabled {{ background: transparent; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; width: 0; }}
    QMenu {{ background: {t.raised}; border: 1px solid {t.border}; padding: 4px; }}
    QMenu::item {{ padding: 5px 24px 5px 12px; border-radius: 4px; }}
    QMenu::item:selected {{ background: {t.accent}; color: {t.on_accent}; }}
    QMenu::item:disabled {{ color: {t.unlabelled}; }}
    QMenu::separator {{ height: 1px; background: {t.border}; margin: 4px 8px; }}
    QStatusBar {{ background: {t.panel}; border-top: 1px solid {t.border}; color: {t.muted}; }}
    QStatusBar QToolButton {{ color: {t.muted}; padding: 2px 14px 2px 6px; }}
    """

"""Style rules of the window's frame; colours come from the theme's tokens only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platformdirs import user_cache_path

if TYPE_CHECKING:
    from fgvc_studio.gui.theme import Theme


_ARROWS = {"down": "M2 4l4 4 4-4", "up": "M2 8l4-4 4 4"}


def _arrow(name: str, colour: str) -> str:
    """A small arrow in `colour`; style sheets take pictures from files only."""
    file = user_cache_path("fgvc-studio") / "style" / f"{name}-{colour.lstrip('#')}.svg"
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="12" height="12" fill="none" '
        f'stroke="{colour}" stroke-width="1.6"><path d="{_ARROWS[name]}"/></svg>'
    )
    try:
        if not file.is_file() or file.read_text("utf-8") != drawing:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(drawing, "utf-8")
    except OSError:  # without a cache the boxes have no arrows but work
        return ""
    return file.as_posix()


def sheet(t: Theme) -> str:
    """The frame's part of the application's style sheet."""
    return _frame(t) + _controls(t)


def _frame(t: Theme) -> str:
    return f"""
    QFrame#rail {{ background: {t.panel}; border: none; border-right: 1px solid {t.border}; }}
    QFrame#rail QToolButton {{ border-radius: 8px; padding: 6px 2px; color: {t.muted};
        font-size: 11px; }}
    QFrame#rail QToolButton:checked {{ background: {t.hover}; color: {t.accent};
        border: 1px solid {t.hover}; font-weight: 600; }}
    QFrame#rail QToolButton:focus {{ border: 2px solid {t.accent}; }}
    QFrame#topBar {{ background: {t.panel}; border: none; border-bottom: 1px solid {t.border}; }}
    QMenuBar {{ background: {t.panel}; padding: 1px 4px; }}
    QMenuBar::item {{ padding: 6px 9px; border-radius: 4px; background: transparent; }}
    QMenuBar::item:selected {{ background: {t.hover}; }}
    QStatusBar::item {{ border: none; }}
    QStatusBar QLabel {{ color: {t.muted}; padding: 0 2px; font-size: 12px; }}
    QFrame#toasts, QWidget#toasts {{ background: transparent; }}
    QFrame#toast {{ background: {t.text}; border-radius: 6px; }}
    QFrame#toast QLabel {{ color: {t.window}; background: transparent; }}
    QFrame#toast QToolButton {{ color: {t.window}; font-size: 16px; padding: 0; }}
    QFrame#toast QToolButton:hover {{ background: {t.muted}; }}
    QFrame#toast QPushButton {{ background: {t.window}; color: {t.text}; border: none;
        border-radius: 4px; padding: 1px 10px; font-weight: 600; min-height: 20px; }}
    QFrame#toast QPushButton:focus, QFrame#toast QToolButton:focus {{
        border: 2px solid {t.accent}; }}
    QFrame#toast[tone="danger"] {{ border-left: 6px solid {t.danger}; }}
    QFrame#toast[tone="warning"] {{ border-left: 6px solid {t.warning}; }}
    QFrame#card {{ background: {t.raised}; border: 1px solid {t.border}; border-radius: 8px; }}
    QCheckBox::indicator:unchecked, QRadioButton::indicator:unchecked {{
        border: 1px solid {t.muted}; background: {t.field}; width: 12px; height: 12px; }}
    QCheckBox::indicator:unchecked {{ border-radius: 3px; }}
    QRadioButton::indicator:unchecked {{ border-radius: 7px; }}
    QFrame#choice {{ background: {t.raised}; border: 1px solid {t.border}; border-radius: 8px; }}
    QFrame#choice[chosen="true"] {{ border: 2px solid {t.accent}; }}
    QFrame#choice QRadioButton {{ font-weight: 600; }}
    QFrame#popup {{ background: {t.raised}; border: 1px solid {t.border}; border-radius: 8px; }}
    QFrame#identify {{ background: {t.raised}; border: 1px solid {t.border}; }}
    QFrame#identify QListView {{ background: {t.raised}; }}
    QFrame#popup QListView {{ background: {t.raised}; }}
    QFrame#card[drop="true"] {{ border: 2px solid {t.accent}; }}
    QFrame#topBar QScrollArea, QFrame#topBar QScrollArea > QWidget > QWidget,
    QFrame#popup QScrollArea, QFrame#popup QScrollArea > QWidget > QWidget {{
        background: transparent; }}
    QPushButton#recent {{ text-align: left; padding: 8px; border-radius: 8px; min-height: 64px; }}
    QPushButton[role="big"] {{ text-align: left; padding: 12px 16px; border-radius: 8px;
        min-height: 26px; font-size: 14px; }}
    QPushButton[role="big-primary"] {{ text-align: left; padding: 12px 16px; border-radius: 8px;
        min-height: 26px; font-size: 14px; font-weight: 600; background: {t.accent};
        color: {t.on_accent}; border: 1px solid {t.accent}; }}
    QPushButton[role="big-primary"]:focus {{ border: 2px solid {t.text}; }}
    QPushButton#jobs {{ padding: 2px 10px; min-height: 22px; }}
    """


def _controls(t: Theme) -> str:
    down, up = _arrow("down", t.muted), _arrow("up", t.muted)
    return f"""
    QComboBox::drop-down {{ border: none; width: 22px; }}
    QComboBox::down-arrow, QSpinBox::down-arrow, QDoubleSpinBox::down-arrow {{
        image: url("{down}"); width: 12px; height: 12px; }}
    QSpinBox::up-arrow, QDoubleSpinBox::up-arrow {{ image: url("{up}"); width: 12px;
        height: 12px; }}
    QDialogButtonBox, QMessageBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
    QTableView::item {{ padding: 0 5px; }}
    QSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::up-button,
    QDoubleSpinBox::down-button {{ border: none; width: 20px; }}
    QAbstractSpinBox QLineEdit {{ border: none; padding: 0 0 0 4px; background: transparent; }}
    QAbstractSpinBox QLineEdit:focus {{ border: none; padding: 0 0 0 4px; }}
    QTabBar {{ background: transparent; }}
    QTabBar::tab {{ padding: 6px 12px; border: none; border-bottom: 2px solid transparent;
        color: {t.muted}; background: transparent; }}
    QTabBar::tab:selected {{ color: {t.text}; border-bottom: 2px solid {t.accent}; }}
    QTabBar::tab:hover {{ color: {t.text}; }}
    QTabBar::tab:focus {{ border: 1px solid {t.accent}; border-bottom: 2px solid {t.accent}; }}
    QFrame#effects {{ background: {t.raised}; border-top: 2px solid {t.accent}; }}
    QFrame#banner {{ background: {t.hover}; }}
    QFrame#rule {{ background: {t.border}; border: none; max-height: 1px; }}
    QPushButton[role="keyed"] {{ text-align: left; padding: 4px 8px; }}
    QPushButton[role="keyed"]:checked, QPushButton[role="chip"]:checked {{
        background: {t.accent}; color: {t.on_accent}; border-color: {t.accent}; }}
    QTreeView#hits::item {{ padding: 6px 4px; border-bottom: 1px solid {t.border}; }}
    QTextBrowser#page {{ background: {t.panel}; border: none; border-radius: 0; padding: 0; }}
    QToolButton#step {{ padding: 2px 8px; color: {t.text}; }}
    QToolButton#step:disabled {{ color: {t.unlabelled}; }}
    QLabel#key {{ background: {t.window}; border: 1px solid {t.border}; border-radius: 4px;
        padding: 1px 6px; color: {t.text}; }}
    """

"""The tour for the first hour: five steps that point at the controls themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QWidget

from fgvc_studio.gui import preferences
from fgvc_studio.gui.widgets.tour_overlay import TourOverlay

if TYPE_CHECKING:
    from fgvc_studio.gui.main_window import MainWindow

_SEEN = "tour/seen"


@dataclass(frozen=True, slots=True)
class TourStep:
    """One stop: which control, and what is said of it."""

    target: Callable[[], QWidget | None]
    title: str
    text: str


class GuidedTour(QObject):
    """Shows the five steps over the open project; remembers that it was seen or skipped."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._at = -1
        self._overlay: TourOverlay | None = None
        self._focus: QWidget | None = None

    @property
    def running(self) -> bool:
        """Whether a step is shown."""
        return self._overlay is not None

    def offer(self) -> None:
        """Start, unless this person has seen it before."""
        if not preferences.flag(_SEEN):
            self.start()

    def start(self) -> None:
        """Begin at the first step; does nothing without a project."""
        if self._window.session is None or self.running:
            return
        self._focus = QApplication.focusWidget()
        self._window.go("go.browse")
        self._window.toasts.clear()
        self._overlay = TourOverlay(self._window)
        self._overlay.moved.connect(self._move)
        self._overlay.left.connect(self.stop)
        self._at = 0
        self._show()

    def stop(self) -> None:
        """End, wherever it is; it does not come by itself again."""
        overlay, self._overlay = self._overlay, None
        if overlay is None:
            return
        preferences.remember(_SEEN, True)
        overlay.hide()
        overlay.deleteLater()
        page = self._window.workspace
        if page is not None:
            page.activated()

    def steps(self) -> list[TourStep]:
        """The five steps with the keys as they are bound now."""
        browse: Any = self._window.workspaces.get("go.browse")
        keys = self._window.actions_.key_text

        def key(command: str) -> str:
            return keys(command).split("  ")[0] or "–"

        return [
            TourStep(
                lambda: browse.grid,
                self.tr("All your photos"),
                self.tr(
                    "Click one to look at it; {tick} ticks it, Shift+click takes a row. What is "
                    "ticked gets the next name. Ctrl+wheel makes the pictures larger."
                ).format(tick=key("select.tick")),
            ),
            TourStep(
                lambda: browse.map,
                self.tr("The map puts look-alikes together"),
                self.tr(
                    "The first time, press Compute embeddings here. Then draw around a group with "
                    "the lasso: it is ticked in the grid as well. The wheel zooms, a drag pans."
                ),
            ),
            TourStep(
                lambda: browse.categories.favourites,
                self.tr("Name many with one key"),
                self.tr(
                    "{identify} asks for a name, a few letters are enough. The keys 1 to 9 give "
                    "the names in this row, {accept} takes the suggestion shown, {repeat} the "
                    "last name again."
                ).format(
                    identify=key("label.identify"),
                    accept=key("label.accept"),
                    repeat=key("label.repeat"),
                ),
            ),
            TourStep(
                lambda: self._window.undo_bar,
                self.tr("Nothing is lost"),
                self.tr(
                    "Every decision is saved the moment you make it; there is no Save. This "
                    "button names the last one and takes it back, even after a restart."
                ),
            ),
            TourStep(
                lambda: self._window.rail,
                self.tr("What comes next"),
                self.tr(
                    "Discover finds kinds that nobody has named yet. Prototypes shows what a "
                    "classifier looks at. Train teaches it your eye. History lists every "
                    "decision. {help} explains the page you are on."
                ).format(help=key("app.help")),
            ),
        ]

    def _move(self, step: int) -> None:
        self._at += step
        if self._at >= len(self.steps()):
            self.stop()
        else:
            self._at = max(0, self._at)
            self._show()

    def _show(self) -> None:
        steps = self.steps()
        step = steps[self._at]
        if self._overlay is not None:
            self._overlay.show_step(step.target(), step.title, step.text, self._at, len(steps))

"""The status line: how much is here, how much is named, how fast, and that it is saved."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtWidgets import QLabel, QMenu, QStatusBar, QToolButton, QWidget

from fgvc_studio.gui import words

_HEIGHT = 34
"""Room for a message with its button."""


@dataclass(frozen=True, slots=True)
class Status:
    """What the line shows.

    Attributes
    ----------
    rate : float
        Labels per hour in this session; 0 hides it.
    saved : float
        Unix seconds of the last decision of this session; 0 hides it.
    """

    items: int
    labelled: int
    rate: float = 0.0
    saved: float = 0.0
    space: str = ""
    shown: int | None = None
    read_only: bool = False


class StatusLine(QStatusBar):
    """``51,230 images | 18,402 labelled (36 %) | 1,240/h this session | saved 14:02:07 | ...``"""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self.setAccessibleName(self.tr("Status"))
        self.label = QLabel()
        self.space = QToolButton()
        self.space.setToolTip(self.tr("Space: map, search and suggestions use it"))
        self.space.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.addWidget(self.label, 1)
        self.addPermanentWidget(self.space)
        self.setContentsMargins(8, 0, 8, 0)
        self.setMinimumHeight(_HEIGHT)

    def show_status(self, status: Status | None) -> None:
        """Show `status`; None for no project."""
        if status is None:
            self.label.setText("")
            self.space.setText("")
            return
        parts = [self.tr("{n} images").format(n=words.count(status.items))]
        if status.shown is not None and status.shown != status.items:
            parts.append(self.tr("{n} shown").format(n=words.count(status.shown)))
        parts.append(
            self.tr("{n} labelled ({share})").format(
                n=words.count(status.labelled), share=words.percent(status.labelled, status.items)
            )
        )
        if status.rate >= 1:
            parts.append(self.tr("{n}/h this session").format(n=words.count(round(status.rate))))
        if status.read_only:
            parts.append(self.tr("read only"))
        elif status.saved:
            parts.append(self.tr("saved {time}").format(time=words.clock(status.saved)))
        else:
            parts.append(self.tr("everything saved"))
        self.label.setText("   |   ".join(parts))
        self.label.setToolTip(
            "" if status.read_only else self.tr("Every decision is saved the moment it is made.")
        )
        self.space.setText(
            self.tr("space {name}").format(name=status.space)
            if status.space
            else self.tr("no space yet")
        )

    def offer_spaces(self, menu: QMenu | None) -> None:
        """Let another space be chosen where the present one is named."""
        self.space.setMenu(menu)

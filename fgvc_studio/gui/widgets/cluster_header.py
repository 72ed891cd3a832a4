"""Over the members: which cluster it is, what is known of it, and what can be done."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from fgvc_studio.domain.clusters import Cluster
from fgvc_studio.gui.action_set import ActionSet
from fgvc_studio.gui.models.cluster_model import share, state_word
from fgvc_studio.gui.widgets.category_swatch import swatch
from fgvc_studio.gui.widgets.command_button import CommandButton
from fgvc_studio.gui.widgets.inspector_parts import ElidedLabel

_TOP = 32


class ClusterHeader(QFrame):
    """Name, facts and buttons of the current cluster."""

    everything_toggled = Signal(bool)

    def __init__(self, actions: ActionSet, category_path: Callable[[int], str]) -> None:
        super().__init__()
        self._category_path = category_path
        self.mark = QLabel()
        self.name = ElidedLabel()
        self.name.setProperty("role", "title")
        self.facts = ElidedLabel(Qt.TextElideMode.ElideRight)
        self.facts.setProperty("role", "muted")
        self.everything = QPushButton()
        self.everything.setCheckable(True)
        self.everything.setProperty("role", "chip")
        self.everything.toggled.connect(self.everything_toggled)
        self.strike = CommandButton(actions["cluster.strike"], "")
        self.buttons = [
            CommandButton(actions["cluster.accept"], self.tr("Accept and name"), primary=True),
            CommandButton(actions["cluster.known"], self.tr("Send to...")),
            CommandButton(actions["cluster.merge"], self.tr("Merge")),
            CommandButton(actions["cluster.split"], self.tr("Split")),
            CommandButton(actions["cluster.undecided"], self.tr("Put off")),
            CommandButton(actions["cluster.reject"], self.tr("Reject")),
        ]
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addStrut(_TOP)  # or all below would jump when something is ticked
        top.addWidget(self.mark)
        top.addWidget(self.name, 1)
        top.addWidget(self.strike)
        top.addWidget(self.everything)
        row = QHBoxLayout()
        row.setSpacing(6)
        for button in self.buttons:
            row.addWidget(button)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 6)
        column.setSpacing(4)
        column.addLayout(top)
        column.addWidget(self.facts)
        column.addSpacing(2)
        column.addLayout(row)
        self.show_cluster(None)
        self.show_ticked(0)

    def show_ticked(self, count: int) -> None:
        """Offer to strike out so many ticked members."""
        self.strike.setText(self.tr("Strike out {n}").format(n=f"{count:,}"))
        self.strike.setVisible(count > 0)

    def show_cluster(self, cluster: Cluster | None) -> None:
        """Show another cluster."""
        self.everything.setVisible(cluster is not None)
        if cluster is None:
            self.mark.clear()
            self.name.set_text(self.tr("No cluster is chosen"))
            self.facts.set_text("")
            return
        self.mark.setPixmap(swatch(cluster.number, 14, self.devicePixelRatioF()))
        self.name.set_text(cluster.name)
        self.everything.setText(self.tr("All {n}").format(n=f"{cluster.size:,}"))
        self.facts.set_text("  \N{MIDDLE DOT}  ".join(self._facts(cluster)))

    def _facts(self, c: Cluster) -> list[str]:
        items = self.tr("1 item") if c.size == 1 else self.tr("{n} items").format(n=f"{c.size:,}")
        parts = [items, state_word(c.state)]
        if c.category_id:
            parts[1] = self.tr("{state}: {path}").format(
                state=parts[1], path=self._category_path(c.category_id)
            )
        if c.purity:
            low, middle, high = (share(v) for v in c.purity)
            parts.append(
                self.tr("purity {p} ({low} to {high})").format(p=middle, low=low, high=high)
            )
        if not math.isnan(c.confidence):
            parts.append(self.tr("confidence {v}").format(v=share(c.confidence)))
        if not math.isnan(c.stability):
            parts.append(self.tr("stable {v}").format(v=share(c.stability)))
        return parts

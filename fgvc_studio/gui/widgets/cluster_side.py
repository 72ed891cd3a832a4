"""Beside the members: the nearest known categories, warnings, likely twins, the spot check."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.clusters import Cluster, NearestCard
from fgvc_studio.gui import theme
from fgvc_studio.gui.action_set import ActionSet
from fgvc_studio.gui.icons import pixmap
from fgvc_studio.gui.models.cluster_model import share
from fgvc_studio.gui.widgets.command_button import CommandButton
from fgvc_studio.gui.widgets.inspector_parts import Heading
from fgvc_studio.gui.widgets.nearest_card import NearestCardView
from fgvc_studio.gui.widgets.thumbnails import Thumbnails

Twin = tuple[int, str, float]


class ClusterSide(QScrollArea):
    """One column; what is not known takes no room."""

    merge_requested = Signal(int)

    def __init__(
        self,
        actions: ActionSet,
        category_name: Callable[[int], str],
        thumbnails: Thumbnails,
    ) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("About the cluster"))
        self.card = NearestCardView(category_name, thumbnails)
        self.warnings = QVBoxLayout()
        self.warnings.setSpacing(4)
        self.warned = Heading(self.tr("Look out"))
        self.same = Heading(self.tr("Maybe the same as"))
        self.twins = QVBoxLayout()
        self._offered: list[Twin] | None = None
        self.twins.setSpacing(4)
        self.checked = QLabel(wordWrap=True)
        self.checked.setProperty("role", "muted")
        body = QFrame()
        body.setObjectName("panel")
        column = QVBoxLayout(body)
        column.setContentsMargins(12, 4, 12, 12)
        column.setSpacing(6)
        column.addWidget(self.card)
        column.addWidget(self.warned)
        column.addLayout(self.warnings)
        column.addWidget(self.same)
        column.addLayout(self.twins)
        column.addWidget(Heading(self.tr("Is it one kind?")))
        column.addWidget(self.checked)
        column.addWidget(CommandButton(actions["cluster.check"], self.tr("Spot check")))
        column.addWidget(Heading(self.tr("Are there more of them?")))
        column.addWidget(CommandButton(actions["cluster.grow"], self.tr("Grow and audit")))
        column.addStretch(1)
        self.setWidget(body)
        self.show_cluster(None)

    def show_cluster(self, cluster: Cluster | None) -> None:
        """Show the facts of another cluster."""
        self.widget().setVisible(cluster is not None)
        _empty(self.warnings)
        lines = cluster.warnings if cluster else ()
        self.warned.setVisible(bool(lines))
        for line in lines:
            self.warnings.addWidget(_Warning(line))
        if cluster is None:
            return
        if cluster.checked is None:
            text = self.tr("Not checked yet. Ten random members take half a minute.")
        else:
            right, shown = cluster.checked
            text = self.tr("{k} of {n} random members were right: at least {p} % pure.").format(
                k=right, n=shown, p=round(100 * (cluster.checked_purity or 0))
            )
        self.checked.setText(text)

    def show_card(self, card: NearestCard | None, medoid: int) -> None:
        """Show what it is most like."""
        self.card.set_card(card, medoid)

    def show_twins(self, twins: Sequence[Twin]) -> None:
        """Offer clusters (id, name, score) to merge with."""
        if list(twins) == self._offered:
            return  # each act asks for the same ones several times
        self._offered = list(twins)
        _empty(self.twins)
        self.same.setVisible(bool(twins))
        for cluster_id, name, score in twins[:3]:
            button = QPushButton(f"{name}   {share(score)}")
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            button.setToolTip(self.tr("Compare and merge with {name}").format(name=name))
            button.clicked.connect(lambda _=False, c=cluster_id: self.merge_requested.emit(c))
            self.twins.addWidget(button)


class _Warning(QWidget):
    """A line with its mark, so that colour is not the only cue."""

    def __init__(self, text: str) -> None:
        super().__init__()
        mark = QLabel(self)
        mark.setPixmap(pixmap("warning", 14, theme.current().warning, self.devicePixelRatioF()))
        mark.move(0, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 0, 0, 0)
        label = QLabel(text, wordWrap=True)
        column.addWidget(label)


def _empty(layout: QVBoxLayout) -> None:
    while layout.count():
        widget = layout.takeAt(0).widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()

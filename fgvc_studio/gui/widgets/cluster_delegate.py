"""Painting of the rows of the cluster table: two lines of words, numbers over thin bars."""

from __future__ import annotations

import math

from PySide6.QtCore import (
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QFont, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from fgvc_studio.domain.clusters import Cluster, ClusterState
from fgvc_studio.gui import theme
from fgvc_studio.gui.icons import pixmap
from fgvc_studio.gui.models.cluster_model import (
    CLUSTER,
    ClusterModel,
    Column,
    abbreviated,
    share,
    state_word,
)
from fgvc_studio.gui.widgets.category_swatch import swatch

ROW = 46
_REMEMBERED = 4000
_ICONS = {
    ClusterState.ACCEPTED: ("check", "good"),
    ClusterState.KNOWN: ("tag", "good"),
    ClusterState.REJECTED: ("reject", "muted"),
    ClusterState.UNDECIDED: ("uncertain", "warning"),
}
_NUMBERS = {
    Column.CONFIDENCE: lambda c: c.confidence,
    Column.AGREEMENT: lambda c: c.agreement,
    Column.STABILITY: lambda c: c.stability,
}


class ClusterDelegate(QStyledItemDelegate):
    """Paints a `Cluster` by column."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._texts: dict[tuple[str, int, int, bool], str] = {}

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """Two lines high."""
        return QSize(60, ROW)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Paint one cell."""
        t = theme.current()
        cluster: Cluster = index.data(CLUSTER)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        rect = QRect(option.rect)
        painter.save()
        if chosen:
            painter.fillRect(rect, QColor(t.hover))
            if index.column() == 0:
                painter.fillRect(QRect(rect.x(), rect.y(), 3, rect.height()), QColor(t.accent))
        painter.setPen(QColor(t.border))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        done = cluster.state in (ClusterState.ACCEPTED, ClusterState.KNOWN, ClusterState.REJECTED)
        ink = QColor(t.muted if done else t.text)
        column = Column(index.column())
        if column == Column.NAME:
            self._name(painter, rect, option.font, index, cluster, ink)
        elif column == Column.SIZE:
            painter.setPen(ink)
            painter.drawText(
                rect.adjusted(2, 0, -6, 0),
                Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight,
                f"{cluster.size:,}",
            )
        elif column == Column.PURITY:
            self._purity(painter, rect, cluster, ink)
        else:
            self._number(painter, rect, _NUMBERS[column](cluster), ink)
        painter.restore()

    def _name(
        self,
        p: QPainter,
        rect: QRect,
        font: QFont,
        index: QModelIndex | QPersistentModelIndex,
        cluster: Cluster,
        ink: QColor,
    ) -> None:
        t = theme.current()
        model = index.model()
        assert isinstance(model, ClusterModel)
        ratio = p.device().devicePixelRatioF()
        inner = rect.adjusted(10, 5, -4, -5)
        p.drawPixmap(inner.x(), inner.y() + 4, swatch(cluster.number, 11, ratio))
        upper = QRect(inner.x() + 18, inner.y(), inner.width() - 18, inner.height() // 2)
        right = upper.right()
        for name, token in self._marks(cluster):
            right -= 16
            mark = pixmap(name, 14, str(getattr(t, token)), ratio)
            p.drawPixmap(right + 2, upper.y() + 2, mark)
        font = QFont(font)
        font.setBold(cluster.state == ClusterState.PROPOSED)
        p.setFont(font)
        p.setPen(ink)
        upper.setRight(right - 2)
        shown = self._cut(p, cluster.name, upper.width())
        if shown != cluster.name:  # its end tells it from its neighbours
            shown = self._cut(p, abbreviated(cluster.name), upper.width())
        p.drawText(upper, Qt.AlignmentFlag.AlignVCenter, shown)
        font.setBold(False)
        font.setPixelSize(theme.px(11))
        p.setFont(font)
        p.setPen(QColor(t.muted))
        lower = QRect(inner.x() + 18, inner.center().y() + 1, inner.width() - 20, upper.height())
        text = model.nearest_text(cluster, 3)
        if cluster.state != ClusterState.PROPOSED:
            text = "  ".join(filter(None, (state_word(cluster.state), text)))
        p.drawText(lower, Qt.AlignmentFlag.AlignVCenter, self._cut(p, text, lower.width()))

    def _cut(self, p: QPainter, text: str, width: int) -> str:
        """What of a text fits; remembered, since every row is painted after each act."""
        key = (text, width, p.font().pixelSize(), p.font().bold())
        found = self._texts.get(key)
        if found is None:
            if len(self._texts) >= _REMEMBERED:
                self._texts.clear()
            found = p.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, width)
            self._texts[key] = found
        return found

    @staticmethod
    def _marks(cluster: Cluster) -> list[tuple[str, str]]:
        marks = [_ICONS[cluster.state]] if cluster.state in _ICONS else []
        if cluster.warnings and cluster.state == ClusterState.PROPOSED:
            marks.append(("warning", "warning"))
        return marks

    @staticmethod
    def _number(p: QPainter, rect: QRect, value: float, ink: QColor) -> None:
        t = theme.current()
        inner = rect.adjusted(6, 8, -8, -12)
        p.setPen(ink if not math.isnan(value) else QColor(t.muted))
        p.drawText(inner, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight, share(value))
        if math.isnan(value):
            return
        track = QRect(inner.x(), rect.bottom() - 11, inner.width(), 3)
        p.fillRect(track, QColor(t.border))
        track.setWidth(round(track.width() * min(1.0, max(0.0, value))))
        p.fillRect(track, QColor(t.model))

    @staticmethod
    def _purity(p: QPainter, rect: QRect, cluster: Cluster, ink: QColor) -> None:
        """The estimate as a dot on its range; a spot check stands as a tick mark."""
        t = theme.current()
        inner = rect.adjusted(6, 8, -10, -12)
        checked = cluster.checked_purity
        if cluster.purity is None and checked is None:
            p.setPen(QColor(t.muted))
            p.drawText(
                inner, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight, share(math.nan)
            )
            return
        p.setPen(ink)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        if checked is not None:
            text = "\N{GREATER-THAN OR EQUAL TO} " + share(checked)
        else:
            assert cluster.purity is not None
            text = share(cluster.purity[1])
        p.drawText(inner, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight, text)
        y = rect.bottom() - 9.5
        x = lambda v: inner.x() + inner.width() * v  # noqa: E731
        p.setPen(QPen(QColor(t.border), 1))
        p.drawLine(QRectF(x(0), y, 1, 0).topLeft(), QRectF(x(1), y, 1, 0).topLeft())
        if cluster.purity is not None:
            low, middle, high = cluster.purity
            p.setPen(QPen(QColor(t.model), 3))
            p.drawLine(QRectF(x(low), y, 1, 0).topLeft(), QRectF(x(high), y, 1, 0).topLeft())
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(QColor(t.text))
            p.drawEllipse(QRectF(x(middle) - 3, y - 3, 6, 6))
        if checked is not None:
            p.fillRect(QRectF(x(checked) - 1, y - 5, 2, 10), QColor(t.human))

"""One line of an explanation: this patch looks like that patch, and what it adds."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QSizePolicy

from fgvc_studio.domain.prototypes import Contribution, Prototype
from fgvc_studio.gui import prototype_words as say
from fgvc_studio.gui import theme
from fgvc_studio.gui.widgets.patch_pictures import PatchPictures
from fgvc_studio.gui.widgets.prototype_charts import signed

PICTURE = 58
"""Side of the two close-ups."""


class PairRow(QPushButton):
    """One contribution: the patch here, the prototype, and the sum."""

    def __init__(self, pictures: PatchPictures, picture: int = PICTURE) -> None:
        super().__init__()
        self._pictures = pictures
        self._side = picture
        self.contribution: Contribution | None = None
        self.keys = (0, 0)
        self._branch = ""
        self.setFixedHeight(picture + 8)
        self.setCheckable(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_pair(self, contribution: Contribution, prototype: Prototype) -> None:
        """Show another contribution."""
        self.contribution = contribution
        self._branch = prototype.branch
        here, there = contribution.patch, prototype.source
        self.keys = (
            self._pictures.key(here.item_id, here.box),
            self._pictures.key(there.item_id, there.box),
        )
        words = self.tr(
            "This patch looks like prototype {number} ({branch}): similarity {score} times weight "
            "{weight} gives {product}"
        ).format(
            number=prototype.id,
            branch=say.branch(prototype.branch),
            score=f"{contribution.score:.2f}",
            weight=f"{contribution.weight:+.2f}",
            product=f"{contribution.product:+.2f}",
        )
        self.setToolTip(words)
        self.setAccessibleName(words)
        self.update()

    def sizeHint(self) -> QSize:
        """Two pictures and words."""
        return QSize(3 * self._side + 90, self._side + 8)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint both patches, how alike they are and what that adds."""
        c = self.contribution
        if c is None:
            return
        t = theme.current()
        p = QPainter(self)
        lit = self.underMouse() or self.isChecked()
        p.fillRect(self.rect(), QColor(t.hover if lit else t.panel))
        first = QRect(4, 4, self._side, self._side)
        second = first.translated(self._side + 26, 0)
        for place, key in zip((first, second), self.keys, strict=True):
            self._picture(p, place, key)
        p.setPen(QColor(t.muted))
        between = QRect(first.right() + 1, 4, 26, self._side)
        p.drawText(between, Qt.AlignmentFlag.AlignCenter, "≈")
        left = second.right() + 10
        step = min(18, self._side // 3)
        area = QRect(left, self.height() // 2 - 9 - step, self.width() - left - 6, 18)
        p.setPen(QColor(t.text))
        font = p.font()
        font.setBold(True)
        p.setFont(font)
        p.drawText(area, Qt.AlignmentFlag.AlignLeft, signed(c.product))
        font.setBold(False)
        font.setPixelSize(theme.px(11))
        p.setFont(font)
        p.setPen(QColor(t.muted))
        sum_ = f"{c.score:.2f} × {c.weight:.2f}"
        p.drawText(area.translated(0, step), Qt.AlignmentFlag.AlignLeft, sum_)
        p.setPen(QColor(t.accent if self._branch == "support" else t.muted))
        p.drawText(
            area.translated(0, 2 * step), Qt.AlignmentFlag.AlignLeft, say.branch(self._branch)
        )
        if self.hasFocus() or self.isChecked():
            p.setPen(QPen(QColor(t.accent), 2))
            p.drawRect(self.rect().adjusted(1, 1, -1, -1))
        p.end()

    def _picture(self, p: QPainter, place: QRect, key: int) -> None:
        p.fillRect(place, QColor(theme.current().canvas))
        side = round(self._side * self.devicePixelRatioF())
        picture = self._pictures.thumbnails.pixmap(key, side)
        if picture is not None:
            p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            size = picture.size().scaled(place.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRect(0, 0, size.width(), size.height())
            target.moveCenter(place.center())
            p.drawPixmap(target, picture)

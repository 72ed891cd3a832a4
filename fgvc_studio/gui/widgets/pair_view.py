"""Two categories that are mixed up: what tells them apart, and the photos between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.prototypes import Confusion, Prototype
from fgvc_studio.gui import prototype_words as say
from fgvc_studio.gui import theme
from fgvc_studio.gui.widgets.category_swatch import colour_of as qt_colour
from fgvc_studio.gui.widgets.category_swatch import swatch
from fgvc_studio.gui.widgets.inspector_parts import Heading
from fgvc_studio.gui.widgets.patch_pictures import PatchPictures
from fgvc_studio.gui.widgets.patch_strip import PatchCell, PatchStrip
from fgvc_studio.gui.widgets.prototype_charts import signed

_PICTURE = 54
_ROW = 62
_MOST = 8
_BORDER = 24


class TellApartRow(QPushButton):
    """A prototype and how much it says for one category on photos of either."""

    def __init__(self, pictures: PatchPictures) -> None:
        super().__init__()
        self._pictures = pictures
        self.prototype: Prototype | None = None
        self.key = 0
        self._values = (0.0, 0.0)
        self._most = 1.0
        self._colours = (-1, -1)
        self.setFixedHeight(_ROW)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_row(
        self,
        prototype: Prototype,
        values: tuple[float, float],
        most: float,
        colours: tuple[int, int],
        words: str,
    ) -> None:
        """Show another prototype; `values` are its parts in a - b on photos of a and of b."""
        self.prototype, self._values = prototype, values
        self._most, self._colours = most, colours
        self.key = self._pictures.key(prototype.source.item_id, prototype.source.box)
        self.setToolTip(words)
        self.setAccessibleName(words)
        self.update()

    def sizeHint(self) -> QSize:
        """Picture and two bars."""
        return QSize(220, _ROW)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the patch and a bar for each category."""
        if self.prototype is None:
            return
        t = theme.current()
        p = QPainter(self)
        p.fillRect(self.rect(), QColor(t.hover if self.underMouse() else t.panel))
        place = QRect(4, 4, _PICTURE, _PICTURE)
        p.fillRect(place, QColor(t.canvas))
        picture = self._pictures.thumbnails.pixmap(
            self.key, round(_PICTURE * self.devicePixelRatioF())
        )
        if picture is not None:
            p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            size = picture.size().scaled(place.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRect(0, 0, size.width(), size.height())
            target.moveCenter(place.center())
            p.drawPixmap(target, picture)
        font = p.font()
        font.setPixelSize(theme.px(11))
        p.setFont(font)
        left, right = place.right() + 10, self.width() - 48
        p.setPen(QColor(t.muted))
        head = QRect(left, 4, self.width() - left - 4, 15)
        words = f"{say.branch(self.prototype.branch)} {self.prototype.id}"
        p.drawText(head, Qt.AlignmentFlag.AlignLeft, words)
        middle = (left + right) / 2
        for i, (value, colour) in enumerate(zip(self._values, self._colours, strict=True)):
            y = 23 + 17 * i
            length = (right - left) / 2 * value / self._most
            bar = QRectF(min(middle, middle + length), y, max(1.0, abs(length)), 10)
            p.fillRect(bar, qt_colour(colour))
            p.setPen(QColor(t.text))
            number = QRect(self.width() - 46, y - 3, 42, 16)
            p.drawText(number, Qt.AlignmentFlag.AlignRight, signed(value))
        p.setPen(QColor(t.muted))
        p.drawLine(round(middle), 20, round(middle), _ROW - 6)
        if self.hasFocus():
            p.setPen(QPen(QColor(t.accent), 2))
            p.drawRect(self.rect().adjusted(1, 1, -1, -1))
        p.end()


class PairView(QWidget):
    """The page "Two categories".

    Parameters
    ----------
    name_of, colour_of : callable
        Category id -> name, colour index.
    label_of : callable
        Item id -> its category, 0 for none.
    """

    pair_changed = Signal(int, int)
    prototype_chosen = Signal(int)
    item_chosen = Signal("qlonglong")
    browse_requested = Signal(object)

    def __init__(
        self,
        pictures: PatchPictures,
        name_of: Callable[[int], str],
        colour_of: Callable[[int], int],
        label_of: Callable[[int], int],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._pictures = pictures
        self._name_of, self._colour_of, self._label_of = name_of, colour_of, label_of
        self._items: list[int] = []
        self.a, self.b = QComboBox(), QComboBox()
        self.mixed = QComboBox()
        self.mixed.setAccessibleName(self.tr("Pairs that are mixed up"))
        self.mixed.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.mixed.activated.connect(self._take_mixed)
        self.numbers = QLabel(wordWrap=True)
        self.numbers.setProperty("role", "muted")
        self.rows: list[TellApartRow] = []
        self._shown = 0
        self._touched = False
        self.border = PatchStrip(pictures, "border", side=92, columns=3)
        self.border.chosen.connect(lambda cell: self.item_chosen.emit(cell.item_id))
        self.browse = QPushButton(self.tr("Show these photos in Browse"))
        self.browse.clicked.connect(lambda: self.browse_requested.emit(self._items))
        pictures.thumbnails.ready.connect(self._ready)
        self._build()

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(12, 10, 12, 0)
        swap = QPushButton("⇄")
        swap.setAccessibleName(self.tr("Swap the two"))
        swap.setToolTip(self.tr("Swap the two"))
        swap.setFixedWidth(44)
        swap.clicked.connect(lambda: self.set_pair(*reversed(self.pair)))
        for box, name in ((self.a, self.tr("One category")), (self.b, self.tr("The other"))):
            box.setAccessibleName(name)
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            box.setMinimumWidth(120)
            box.activated.connect(self._changed)
        head.addWidget(self.a, 1)
        head.addWidget(swap)
        head.addWidget(self.b, 1)
        left, right = QWidget(), QWidget()
        self._rows = QVBoxLayout(left)
        self._rows.setContentsMargins(12, 0, 8, 12)
        self._rows.setSpacing(4)
        self._rows.addWidget(Heading(self.tr("What tells them apart")))
        hint = QLabel(
            self.tr("Bar to the right: speaks for the first; upper bar on its photos, lower bar "
                    "on those of the other"), wordWrap=True
        )  # fmt: skip
        hint.setProperty("role", "muted")
        self._rows.addWidget(hint)
        self._rows.addStretch(1)
        column = QVBoxLayout(right)
        column.setContentsMargins(8, 0, 12, 12)
        column.setSpacing(4)
        column.addWidget(Heading(self.tr("Photos at the border")))
        column.addWidget(self.numbers)
        column.addWidget(self.border)
        column.addWidget(self.browse, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        body = QWidget()
        across = QHBoxLayout(body)
        across.setContentsMargins(0, 0, 0, 0)
        across.addWidget(left, 1)
        across.addWidget(right, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(body)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(6)
        below = QHBoxLayout()
        below.setContentsMargins(12, 0, 12, 0)
        words = QLabel(self.tr("Mixed up:"))
        words.setProperty("role", "muted")
        below.addWidget(words)
        below.addWidget(self.mixed, 1)
        outer.addLayout(head)
        outer.addLayout(below)
        outer.addWidget(area, 1)

    # ---- what is shown ---------------------------------------------------------------------
    @property
    def pair(self) -> tuple[int, int]:
        """The two categories."""
        return int(self.a.currentData() or 0), int(self.b.currentData() or 0)

    def set_categories(self, categories: Sequence[int]) -> None:
        """Offer these; what was chosen stays chosen."""
        pair = self.pair
        ordered = sorted(categories, key=lambda c: self._name_of(c).lower())
        for box, chosen in zip((self.a, self.b), pair, strict=True):
            box.clear()
            for category in ordered:
                mark = QIcon(swatch(self._colour_of(category), 12))
                box.addItem(mark, self._name_of(category), category)
            box.setCurrentIndex(max(0, box.findData(chosen)))
        if len(ordered) > 1 and self.a.currentIndex() == self.b.currentIndex():
            self.b.setCurrentIndex(1 if self.a.currentIndex() == 0 else 0)

    def set_pair(self, a: int, b: int) -> None:
        """Choose the two."""
        self.a.setCurrentIndex(max(0, self.a.findData(a)))
        self.b.setCurrentIndex(max(0, self.b.findData(b)))
        self._changed()

    def set_mixed(self, pairs: Sequence[tuple[int, int, int]]) -> None:
        """Offer pairs that are mixed up: one, other, how many photos.

        The first is shown when nobody has chosen a pair yet.
        """
        self.mixed.clear()
        for a, b, count in pairs:
            words = self.tr("{a} and {b} ({n})").format(
                a=self._name_of(a), b=self._name_of(b), n=f"{count:,}"
            )
            self.mixed.addItem(words, (a, b))
        self.mixed.setEnabled(bool(pairs))
        if not pairs:
            self.mixed.addItem(self.tr("none among the labelled photos"))
        elif not self._touched:
            self.set_pair(pairs[0][0], pairs[0][1])
            self._touched = False

    def _take_mixed(self) -> None:
        pair = self.mixed.currentData()
        if pair:
            self.set_pair(*pair)

    def show_confusion(self, found: Confusion, prototypes: Sequence[Prototype]) -> None:
        """Show what was found about the pair."""
        few = found.tell_apart[:_MOST]
        while len(self.rows) < len(few):
            row = TellApartRow(self._pictures)
            row.clicked.connect(
                lambda _=False, r=row: r.prototype and self.prototype_chosen.emit(r.prototype.id)
            )
            self._rows.insertWidget(2 + len(self.rows), row)
            self.rows.append(row)
        self._shown = len(few)
        most = max([1e-6, *(abs(v) for _, x, y in few for v in (x, y))])
        colours = (self._colour_of(found.a), self._colour_of(found.b))
        names = (self._name_of(found.a), self._name_of(found.b))
        for i, row in enumerate(self.rows):
            row.setVisible(i < len(few))
            if i < len(few):
                number, on_a, on_b = few[i]
                words = self.tr(
                    "Prototype {number}: {x} for {a} on photos of {a}, {y} on photos of {b}"
                ).format(number=number, a=names[0], b=names[1], x=signed(on_a), y=signed(on_b))
                row.show_row(prototypes[number], (on_a, on_b), most, colours, words)
        wrong = len(found.a_as_b) + len(found.b_as_a)
        self.numbers.setText(
            self.tr(
                "{x} of {a} taken for {b}, {y} the other way round. The narrowest first."
            ).format(x=len(found.a_as_b), y=len(found.b_as_a), a=names[0], b=names[1])
            if wrong
            else self.tr("None is taken for the other. The narrowest first.")
        )
        self.border.set_cells([self._cell(i, m, found) for i, m in found.border[:_BORDER]])
        mistaken = [*found.a_as_b, *found.b_as_a]
        self._items = list(dict.fromkeys([*mistaken, *(i for i, _ in found.border)]))
        self.browse.setEnabled(bool(self._items))
        side = round(_PICTURE * self.devicePixelRatioF())
        self._pictures.thumbnails.want([r.key for r in self.rows[: self._shown]], side, "pair")

    def _cell(self, item: int, margin: float, found: Confusion) -> PatchCell:
        label = self._label_of(item)
        wrong = item in found.a_as_b or item in found.b_as_a
        name = self._name_of(label) if label else self.tr("no label")
        tip = self.tr("Photo {item}: {name}; {margin} for {a} over {b}").format(
            item=item,
            name=name,
            margin=signed(margin),
            a=self._name_of(found.a),
            b=self._name_of(found.b),
        )
        token = "danger" if wrong else ""
        caption = f"{signed(margin)}  {self.tr('wrong') if wrong else ''}".strip()
        return PatchCell(item, None, caption, tip, token)

    def _changed(self) -> None:
        self._touched = True
        a, b = self.pair
        if a and b and a != b:
            self.pair_changed.emit(a, b)

    def _ready(self, keys: list[int]) -> None:
        arrived = set(keys)
        for row in self.rows[: self._shown]:
            if row.key in arrived:
                row.update()

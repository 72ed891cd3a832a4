"""F1: the user guide, offline, at the page of the workspace in front."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt, QUrl
from PySide6.QtGui import (
    QColor,
    QDesktopServices,
    QHideEvent,
    QImage,
    QKeySequence,
    QResizeEvent,
    QShortcut,
    QShowEvent,
    QTextDocument,
)
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSplitter,
    QStackedWidget,
    QTextBrowser,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.gui import guide_html, guide_pages, icons, theme
from fgvc_studio.gui.task_pool import TaskPool
from fgvc_studio.gui.widgets.picture_decode import image_of

_PLACE = Qt.ItemDataRole.UserRole
_WIDEST = 860
_BLANK = (16, 10)
"""Shape of a picture that is not read yet: the window is 1440 by 900."""
_SLOT = "guide pictures"


class GuideView(QTextBrowser):
    """One page; pictures are read in the background and fitted to the width."""

    def __init__(self, tasks: TaskPool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._pictures: dict[str, QImage] = {}
        self._fitted: set[str] = set()
        self._side = 0
        self.file = ""
        self.setOpenLinks(False)
        self.setAccessibleName(self.tr("Page of the guide"))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setObjectName("page")
        self.document().setDocumentMargin(24)

    def show_page(self, page: guide_pages.Page) -> None:
        """Show `page` from its top."""
        self.file = page.file
        self._fill(page)
        self.verticalScrollBar().setValue(0)
        self._read(page)

    def go_to(self, heading: str) -> None:
        """Bring a heading to the top."""
        self.scrollToAnchor(guide_html.slug(heading))

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Pictures of the guide at the width of the page; nothing from elsewhere."""
        key = name.toString() if isinstance(name, QUrl) else str(name)
        if kind != QTextDocument.ResourceType.ImageResource.value:
            return None
        picture = self._pictures.get(key)
        if picture is not None and not picture.isNull():
            return picture
        blank = QImage(*_BLANK, QImage.Format.Format_RGB32)  # drawn at the width of the page
        blank.fill(QColor(theme.current().canvas))
        return blank

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the pictures to the new width."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._refit()
            page = guide_pages.page(self.file)
            if page is not None:
                self._read(page)

    def showEvent(self, event: QShowEvent) -> None:
        """Read what was left unread."""
        super().showEvent(event)
        page = guide_pages.page(self.file)
        if page is not None:
            self._read(page)

    def hideEvent(self, event: QHideEvent) -> None:
        """Nothing is waited for any more."""
        self._tasks.drop(_SLOT)
        super().hideEvent(event)

    def _read(self, page: guide_pages.Page) -> None:
        """Read the pictures and fit them to the width, outside the GUI thread."""
        side = round(self._width() * self.devicePixelRatioF())
        if side != self._side:
            self._side = side
            self._fitted.clear()
        names = [n for n in guide_pages.pictures(page.text) if n not in self._fitted]
        if names and self.isVisible():
            self._tasks.submit(_SLOT, lambda _ticket: _read_pictures(names, side), self._have)

    def _width(self) -> int:
        return max(240, min(_WIDEST, self.viewport().width() - 56))

    def _have(self, found: dict[str, QImage]) -> None:
        self._pictures.update(found)
        self._fitted.update(found)
        document = self.document()
        for name, picture in found.items():
            kind = QTextDocument.ResourceType.ImageResource.value
            document.addResource(kind, QUrl(name), picture)
        document.markContentsDirty(0, document.characterCount())

    def _refit(self) -> None:
        page = guide_pages.page(self.file)
        if page is not None:
            at = self.verticalScrollBar().value()
            self._fill(page)
            self.verticalScrollBar().setValue(at)

    def _fill(self, page: guide_pages.Page) -> None:
        self.setHtml(guide_html.render(page.text, self._width()))


class GuideWindow(QDialog):
    """Contents and search at the left, the page at the right; stays open beside the work."""

    def __init__(self, tasks: TaskPool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Guide"))
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint)
        self.resize(1080, 760)
        self._past: list[tuple[str, int]] = []
        self.view = GuideView(tasks, self)
        self.view.anchorClicked.connect(self._follow)
        self.find_field = QLineEdit()
        self.find_field.setPlaceholderText(self.tr("Search the guide"))
        self.find_field.setAccessibleName(self.tr("Search the guide"))
        self.find_field.setClearButtonEnabled(True)
        self.find_field.textChanged.connect(self._search)
        self.find_field.returnPressed.connect(self._first_hit)
        self.back = QToolButton()
        self.back.setIcon(icons.icon("back"))
        self.back.setIconSize(QSize(18, 18))
        self.back.setMinimumSize(28, 28)
        self.back.setToolTip(self.tr("Back (Alt+Left)"))
        self.back.setAccessibleName(self.tr("Back"))
        self.back.clicked.connect(self.go_back)
        self.contents = self._tree(self.tr("Contents"))
        self.hits = self._tree(self.tr("Places found"))
        self.hits.setObjectName("hits")
        self.hits.setRootIsDecorated(False)
        self.nothing = QLabel(self.tr("Nothing found. Fewer or other words may help."))
        self.nothing.setProperty("role", "muted")
        self.nothing.setWordWrap(True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.nothing.setContentsMargins(12, 12, 12, 12)
        self.left = QStackedWidget()
        for widget in (self.contents, self.hits, self.nothing):
            self.left.addWidget(widget)
        self._build()
        self._list_contents()
        for keys, act in (("Ctrl+F", self._focus_search), ("Alt+Left", self.go_back)):
            QShortcut(QKeySequence(keys), self).activated.connect(act)

    def open_for(self, command: str) -> None:
        """Show the page of a workspace (its ``go.`` command); else the first page."""
        self.open_page(guide_pages.OF_WORKSPACE.get(command, guide_pages.ORDER[0]))
        self.view.setFocus()

    def open_page(self, file: str, heading: str = "") -> None:
        """Show a page, at a heading when one is named."""
        page = guide_pages.page(file)
        if page is None:
            return
        if self.view.file:
            self._past.append((self.view.file, self.view.verticalScrollBar().value()))
        if file != self.view.file:
            self.view.show_page(page)
        if heading and heading != page.title:
            self.view.go_to(heading)
        else:
            self.view.verticalScrollBar().setValue(0)
        self._tick(file, heading)
        self.back.setEnabled(bool(self._past))

    def go_back(self) -> None:
        """To the place before."""
        if not self._past:
            return
        file, at = self._past.pop()
        page = guide_pages.page(file)
        if page is not None and file != self.view.file:
            self.view.show_page(page)
        self.view.verticalScrollBar().setValue(at)
        self._tick(file, "")
        self.back.setEnabled(bool(self._past))

    # ---- building --------------------------------------------------------------------------
    def _build(self) -> None:
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(10, 10, 6, 10)
        column.setSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.back)
        row.addWidget(self.find_field, 1)
        column.addLayout(row)
        column.addWidget(self.left, 1)
        across = QSplitter(Qt.Orientation.Horizontal)
        across.addWidget(side)
        across.addWidget(self.view)
        across.setStretchFactor(1, 1)
        across.setCollapsible(0, False)
        across.setSizes([270, 810])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(across)
        self.back.setEnabled(False)

    def _tree(self, name: str) -> QTreeWidget:
        tree = QTreeWidget()
        tree.setHeaderHidden(True)
        tree.setAccessibleName(name)
        tree.setIndentation(14)
        tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        tree.itemClicked.connect(self._open_item)
        tree.itemActivated.connect(self._open_item)
        return tree

    def _list_contents(self) -> None:
        for page in guide_pages.pages():
            top = QTreeWidgetItem(self.contents, [page.entry])
            top.setToolTip(0, page.entry)
            top.setData(0, _PLACE, (page.file, ""))
            for level, heading in page.headings:
                if level == 2:
                    below = QTreeWidgetItem(top, [heading])
                    below.setData(0, _PLACE, (page.file, heading))
                    below.setToolTip(0, heading)

    def _tick(self, file: str, heading: str) -> None:
        """Show in the contents where the reader is."""
        for i in range(self.contents.topLevelItemCount()):
            top = self.contents.topLevelItem(i)
            here = top.data(0, _PLACE)[0] == file
            top.setExpanded(here)
            if here:
                rows = [top.child(k) for k in range(top.childCount())]
                at = next((r for r in rows if r.data(0, _PLACE)[1] == heading), top)
                self.contents.setCurrentItem(at if heading else top)

    # ---- search and links ------------------------------------------------------------------
    def _search(self, text: str) -> None:
        if not text.strip():
            self.left.setCurrentWidget(self.contents)
            return
        self.hits.clear()
        for hit in guide_pages.search(text):
            row = QTreeWidgetItem(self.hits, [f"{hit.heading}\n{hit.words}"])
            row.setData(0, _PLACE, (hit.file, hit.heading))
            page = guide_pages.page(hit.file)
            row.setToolTip(0, f"{page.entry} › {hit.heading}" if page else "")
        found = self.hits.topLevelItemCount() > 0
        self.left.setCurrentWidget(self.hits if found else self.nothing)

    def _first_hit(self) -> None:
        first = self.hits.topLevelItem(0)
        if first is not None and self.left.currentWidget() is self.hits:
            self.hits.setCurrentItem(first)
            self._open_item(first)

    def _open_item(self, item: QTreeWidgetItem, _column: int = 0) -> None:
        file, heading = item.data(0, _PLACE)
        self.open_page(file, heading)
        if item.treeWidget() is self.hits:
            words = self.find_field.text().split()
            at = self.view.verticalScrollBar().value()
            self.view.find(words[0] if words else "")
            if heading:
                self.view.verticalScrollBar().setValue(at)

    def _focus_search(self) -> None:
        self.find_field.setFocus()
        self.find_field.selectAll()

    def _follow(self, link: QUrl) -> None:
        """Pages open here, web addresses in the browser of the system."""
        if link.scheme() in ("http", "https"):
            QDesktopServices.openUrl(link)
            return
        file = Path(link.path()).name or self.view.file
        if file.endswith(".md"):
            self.open_page(file, self._heading_of(file, link.fragment()))

    @staticmethod
    def _heading_of(file: str, fragment: str) -> str:
        page = guide_pages.page(file)
        slugs = {guide_html.slug(h): h for _, h in page.headings} if page else {}
        return slugs.get(fragment, "")


def _read_pictures(names: list[str], side: int) -> dict[str, QImage]:
    """Pictures at most `side` pixels wide; runs in a reader's thread."""
    found = {}
    for name in names:
        try:
            picture = image_of((guide_pages.folder() / name).read_bytes())
        except OSError:  # the page says what the picture would show
            continue
        if picture.width() > side:
            picture = picture.scaledToWidth(side, Qt.TransformationMode.SmoothTransformation)
        found[name] = picture
    return found

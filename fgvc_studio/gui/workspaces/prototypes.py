"""Prototypes: what the classifier compares with, judged, switched off and on, explained."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QByteArray, QPoint, QSize, Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QPushButton,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.gui import preferences
from fgvc_studio.gui.widgets.effects_bar import EffectsBar
from fgvc_studio.gui.widgets.evidence_view import EvidenceView
from fgvc_studio.gui.widgets.flip_view import FlipView
from fgvc_studio.gui.widgets.opinion_list import OpinionList
from fgvc_studio.gui.widgets.pair_view import PairView
from fgvc_studio.gui.widgets.patch_pictures import PatchPictures, cut
from fgvc_studio.gui.widgets.picture_decode import Picture
from fgvc_studio.gui.widgets.prototype_bar import PrototypeBar
from fgvc_studio.gui.widgets.prototype_detail import PrototypeDetail
from fgvc_studio.gui.widgets.prototype_empty import PrototypeEmpty
from fgvc_studio.gui.widgets.prototype_grid import PrototypeGrid
from fgvc_studio.gui.widgets.thumbnails import Thumbnails
from fgvc_studio.gui.widgets.verdict_panel import COMMANDS
from fgvc_studio.gui.workspaces.base import Context, Workspace
from fgvc_studio.gui.workspaces.browse_categories import colour_index, splitter
from fgvc_studio.gui.workspaces.browse_inspector import pictures_of
from fgvc_studio.gui.workspaces.prototypes_acts import PrototypeActs
from fgvc_studio.gui.workspaces.prototypes_commands import connect_commands
from fgvc_studio.gui.workspaces.prototypes_dialogs import PrototypeDialogs
from fgvc_studio.gui.workspaces.prototypes_look import DetailFeeder, TileFeeder
from fgvc_studio.gui.workspaces.prototypes_pages import PrototypePages
from fgvc_studio.gui.workspaces.prototypes_progress import PrototypeProgress
from fgvc_studio.gui.workspaces.prototypes_state import PrototypeState

GALLERY, CHANGES, EXPLAIN, PAIR, QUEUE = range(5)
_TILE = 144
_CONTEXT = (
    *COMMANDS.values(), "proto.clear", "", "proto.try", "proto.reselect", "", "view.explain",
    "proto.locate", "proto.plate",
)  # fmt: skip
_MENU = (
    "proto.train", "proto.refit", "proto.fine_tune", "proto.reproject", "proto.compare", "",
    "proto.suggest", "", "proto.plate", "proto.report",
)  # fmt: skip


class PrototypesWorkspace(Workspace):
    """The audit of a classifier. Decisions are made by `PrototypeActs`."""

    command = "go.prototypes"
    scopes = ("prototypes",)

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        studio, actions = context.studio, context.actions
        short = studio.catalogue.short_name
        self.state = PrototypeState(context, self)
        self.acts = PrototypeActs(context, self.state, self)
        self.tiles = TileFeeder(context, self.state, self)
        stored, path_of = studio.store.thumbs.get_many, studio.store.images.path_of
        self.items = Thumbnails(
            stored, pictures=lambda ids: pictures_of(context, list(ids)), path_of=path_of,
            threads=1, budget_bytes=64 << 20, parent=self,
        )  # fmt: skip
        self.sources = Thumbnails(stored, pictures=self._pictures, path_of=path_of, parent=self)
        self.patches = PatchPictures(
            stored, lambda ids: pictures_of(context, ids), path_of, parent=self
        )
        self.grid = PrototypeGrid(self.state.selection, self.sources)
        self.grid.set_tile_size(_TILE)
        self.tiles.attach(self.grid)
        self.detail = PrototypeDetail(
            self.patches, self.name_of, short, colour_index, actions.key_text
        )
        self.feeder = DetailFeeder(context, self.state, self.detail, self.items, self)
        self.flips = FlipView(self.items, self.name_of, short, colour_index)
        self.evidence = EvidenceView(self.patches, self.name_of)
        self.pairs = PairView(self.patches, self.name_of, colour_index, self._label_of)
        self.opinions = OpinionList(self.items, self._item_name)
        self.reader = PrototypePages(
            context, self.state, self.items, self.evidence, self.pairs, self.opinions, self
        )
        self.effects = EffectsBar(actions.key_text)
        self.empty = PrototypeEmpty()
        self.bar = PrototypeBar(self.name_of, [actions[c] if c else None for c in _MENU])
        self.dialogs = PrototypeDialogs(context, self.state, self.acts, self.patches, self)
        self.progress = PrototypeProgress(context, self.state, self.acts, self.empty, self)
        self._build()
        self._connect()
        connect_commands(self)
        self.state.reload()

    # ---- workspace -------------------------------------------------------------------------
    def top_widget(self) -> QWidget | None:
        """Model, filter and order."""
        return self.bar

    def sizeHint(self) -> QSize:
        """Modest: the window divides its height, and the bar above needs its own."""
        return QSize(900, 500)

    def shown_ids(self) -> NDArray[np.int64] | None:
        """Items that the page shows, for an export; None where it shows prototypes."""
        changes = self.tabs.currentIndex() == CHANGES and len(self.flips.grid.ids) > 0
        return self.flips.grid.ids if changes else None

    def activated(self) -> None:
        """The keyboard goes to the gallery; photos that were added are compared."""
        self._page_changed(self.tabs.currentIndex())
        self.state.check()
        self.progress.prepare_if_needed()
        self._take_keyboard()

    def _take_keyboard(self) -> None:
        (self.grid if self.tabs.currentIndex() == GALLERY else self).setFocus()

    def close_project(self) -> None:
        """Remember the border and end the threads."""
        preferences.store().setValue("prototypes/panes", self.across.saveState())
        self.state.close()
        readers = (self.detail, self.evidence, self.opinions, self.dialogs)
        for reader in (*readers, self.items, self.sources, self.patches):
            reader.stop()

    def name_of(self, category: int) -> str:
        """Name of a category."""
        return self.context.studio.catalogue.name(category)

    # ---- commands --------------------------------------------------------------------------
    def show_page(self, page: int) -> None:
        """Bring one of the five pages to the front."""
        self.tabs.setCurrentIndex(page)

    def explain_current(self) -> None:
        """Explain the photo that is current here or in Browse."""
        item = self.current_item()
        if item:
            self.explain(item)

    def explain(self, item: int) -> None:
        """Show the page that explains a photo."""
        if not self.state.run:
            self.context.toasts.show_message(
                self.tr("There is no classifier yet: train one in Prototypes.")
            )
            return
        if not self.isVisible():
            self.context.actions.run(self.command)
        self.show_page(EXPLAIN)
        self.reader.explain(item)

    def go_open(self, step: int) -> None:
        """Move to the next or previous prototype without a verdict."""
        book, current = self.state.book, self.state.selection.current - 1
        number = book.open_from(self.state.ids, current, step) if book else -1
        if number < 0:
            self.context.toasts.show_message(self.tr("All further on have a verdict."))
            return
        self.state.show_prototype(number)
        self.grid.scroll_to(number + 1)

    def close_ups(self) -> None:
        """Switch the tiles between whole photos and close-ups."""
        self.tiles.close_ups = not self.tiles.close_ups
        self.zoomed.setChecked(self.tiles.close_ups)
        self.sources.forget()
        self.grid.refresh()

    def locate(self) -> None:
        """Show in Browse the photos that the prototype comes from and fires on."""
        prototype = self.state.current
        if prototype is None:
            return
        cells = [*self.detail.train.cells, *self.detail.rest.cells]
        ids = [prototype.source.item_id, *(c.item_id for c in cells)]
        name = self.tr("prototype {n}").format(n=prototype.id)
        self.context.show_items(np.array(list(dict.fromkeys(ids)), np.int64), name)

    def train(self) -> None:
        """Train a classifier, and show how it goes."""
        self.context.actions.run(self.command)
        self.acts.train()

    def _menu(self, place: QPoint, number: int) -> None:
        if number:
            menu = QMenu(self)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            for command in _CONTEXT:
                menu.addAction(self.context.actions[command]) if command else menu.addSeparator()
            menu.popup(place)

    def _browse(self, ids: object, name: str) -> None:
        self.context.show_items(np.asarray(ids, np.int64), name)

    def _open_in_browse(self, item: int) -> None:
        self.context.show_items(self.opinions.ids, self.tr("second opinion"))
        self.context.selection.clear()
        self.context.selection.set_current(item)

    def _show_prototype(self, number: int) -> None:
        self.show_page(GALLERY)
        if number not in self.state.ids:
            self.bar.clear.click()
        self.state.show_prototype(number)
        self.grid.scroll_to(number + 1, centre=True)

    def current_item(self) -> int:
        """The photo that a key means: of the page shown, or else that of Browse."""
        if not self.isVisible():
            return self.context.selection.current
        page = self.tabs.currentIndex()
        if page == QUEUE:
            return self.opinions.current
        if page == CHANGES:
            return self.flips.selection.current
        if page == GALLERY and self.state.current is not None:
            return self.detail.picture.item_id
        return self.context.selection.current

    # ---- what is shown ---------------------------------------------------------------------
    def _loaded(self) -> None:
        state = self.state
        self.bar.set_models(state.models, state.run)
        self.frames.setCurrentIndex(1 if state.book is not None else 0)
        if state.book is not None:
            self.bar.set_categories(state.book.categories)
            self.bar.set_filter(state.filter)
        self.bar.set_active(state.book is not None)
        self.context.actions.refresh()
        if self.isVisible():
            self.progress.prepare_if_needed()

    def _shown(self, to_top: bool) -> None:
        self.grid.set_items(self.state.ids + 1, to_top=to_top)
        total = len(self.state.book) if self.state.book else 0
        self.bar.set_count(len(self.state.ids), total)
        self.grid.set_empty_text(self.tr("No prototype passes the filter."))

    def _effects_changed(self) -> None:
        state, book = self.state, self.state.book
        if book is None:
            self.effects.hide()
            return
        tried_on = sum(1 for i in state.tried if book.off[i])
        tried_off = len(state.tried) - tried_on
        writable = not self.context.studio.store.read_only
        self.effects.show_state(
            off=len(book.bans), tried_off=tried_off, tried_on=tried_on, effects=state.effects,
            writable=writable,
        )  # fmt: skip
        if state.effects is not None or not (state.tried or book.bans):
            title = self.tr("What would change if you keep this") if state.tried else self.tr(
                "What changes by the prototypes that are off"
            )  # fmt: skip
            self.flips.show_effects(state.effects, title)
            count = len(state.effects.flips) if state.effects else 0
            words = self.tr("What changes")
            self.tabs.setTabText(CHANGES, f"{words} ({count:,})" if count else words)
        self.grid.refresh()
        self.context.actions.refresh()

    def _page_changed(self, page: int) -> None:
        self.pages.setCurrentIndex(page)
        self.zoomed.setVisible(page == GALLERY)
        self.detail.setVisible(page in (GALLERY, CHANGES, PAIR))
        if page == PAIR:
            self.reader.read_mixed()
            self.reader.read_pair()
        elif page == QUEUE:
            self.reader.read_queue(only_stale=True)
            self.opinions.view.setFocus()
        elif page == GALLERY:
            self.grid.setFocus()
        self.context.actions.refresh()

    def _pictures(self, numbers: list[int]) -> list[Picture | None]:
        """Pictures of the gallery's tiles (called by the thumbnail lane)."""
        book = self.state.book
        if book is None or max(numbers) > len(book):
            return [None] * len(numbers)
        sources = [book.rows[n - 1].source for n in numbers]
        found = pictures_of(self.context, [s.item_id for s in sources])
        if not self.tiles.close_ups:
            return found
        return [cut(picture, s.box) for picture, s in zip(found, sources, strict=True)]

    def _label_of(self, item: int) -> int:
        return int(self.context.studio.catalogue.category[item - 1])

    def _item_name(self, item: int) -> str:
        name = self.name_of(self._label_of(item)) or self.tr("Unlabelled")
        return self.tr("{name}, photo {item}").format(name=name, item=item)

    # ---- building --------------------------------------------------------------------------
    def _build(self) -> None:
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setUsesScrollButtons(False)
        self.tabs.setAccessibleName(self.tr("Pages"))
        for title in (
            self.tr("Gallery"), self.tr("What changes"), self.tr("Explain a photo"),
            self.tr("Two categories"), self.tr("Second opinion"),
        ):  # fmt: skip
            self.tabs.addTab(title)
        self.zoomed = QPushButton(self.tr("Close-ups"))
        self.zoomed.setCheckable(True)
        self.zoomed.setProperty("role", "chip")
        self.zoomed.clicked.connect(lambda: self.close_ups())
        head = QHBoxLayout()
        head.setContentsMargins(10, 4, 12, 0)
        head.addWidget(self.tabs)
        head.addStretch(1)
        head.addWidget(self.zoomed)
        self.frames = QStackedWidget(self)
        main = QWidget(self.frames)
        self.across = splitter(Qt.Orientation.Horizontal, [], parent=main)
        self.pages = QStackedWidget(self.across)
        for page in (self.grid, self.flips, self.evidence, self.pairs, self.opinions):
            self.pages.addWidget(page)
        self.grid.setMinimumSize(220, 180)
        self.across.addWidget(self.detail)
        self.across.setSizes([720, 620])
        self.across.setStretchFactor(0, 1)
        saved = preferences.store().value("prototypes/panes")
        if isinstance(saved, QByteArray):
            self.across.restoreState(saved)
        column = QVBoxLayout(main)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.progress.banner)
        column.addLayout(head)
        column.addWidget(self.across, 1)
        column.addWidget(self.effects)
        self.frames.addWidget(self.empty)
        self.frames.addWidget(main)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.frames)

    def _connect(self) -> None:
        state, acts = self.state, self.acts
        state.run_changed.connect(self.sources.forget)  # numbers mean other prototypes now
        state.loaded.connect(self._loaded)
        state.shown.connect(self._shown)
        state.effects_changed.connect(self._effects_changed)
        state.selection.changed.connect(self.context.actions.refresh)
        for moved in (
            state.selection.current_changed, self.flips.selection.current_changed,
            self.opinions.looked_at,
        ):  # fmt: skip
            moved.connect(lambda _n: self.context.actions.refresh())
        self.bar.model_chosen.connect(state.choose)
        self.bar.filter_changed.connect(state.set_filter)
        self.bar.order_changed.connect(state.set_order)
        self.tabs.currentChanged.connect(self._page_changed)
        self.grid.activated.connect(lambda _n: self.explain_current())
        self.grid.context_requested.connect(self._menu)
        self.detail.verdicts.judged.connect(acts.judge)
        self.detail.verdicts.noted.connect(acts.note)
        self.detail.try_button.clicked.connect(lambda: acts.turn())
        self.detail.reselect_button.clicked.connect(self.dialogs.reselect)
        self.effects.look_requested.connect(lambda: self.show_page(CHANGES))
        self.effects.keep_requested.connect(acts.keep)
        self.effects.left.connect(self._take_keyboard)
        self.effects.put_back_requested.connect(state.put_back)
        acts.reason_wanted.connect(self.effects.ask)
        acts.model_made.connect(self.dialogs.model_made)
        acts.suggested.connect(self.dialogs.suggested)
        self.flips.explain_requested.connect(self.explain)
        self.flips.browse_requested.connect(lambda ids: self._browse(ids, self.tr("what changes")))
        self.evidence.browse_requested.connect(
            lambda item: self._browse([item], self.tr("photo {n}").format(n=item))
        )
        self.evidence.pair_requested.connect(self._show_pair)
        self.evidence.prototype_requested.connect(self._show_prototype)
        self.pairs.prototype_chosen.connect(state.show_prototype)
        self.pairs.item_chosen.connect(self.explain)
        self.pairs.browse_requested.connect(lambda ids: self._browse(ids, self.tr("border")))
        self.opinions.item_opened.connect(self._open_in_browse)
        self.opinions.explain_requested.connect(self.explain)
        self.opinions.browse_requested.connect(
            lambda ids: self._browse(ids, self.tr("second opinion"))
        )
        self.empty.train_clicked.connect(acts.train)
        self.empty.browse_clicked.connect(self.context.actions["go.browse"].trigger)
        self.context.actions.keys_changed.connect(self.detail.show_keys)
        self.context.actions.keys_changed.connect(self.effects.show_keys)

    def _show_pair(self, a: int, b: int) -> None:
        self.show_page(PAIR)
        self.pairs.set_pair(a, b)

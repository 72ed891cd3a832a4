"""F1: how to work here, on one page."""

from __future__ import annotations

import re

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from fgvc_studio.gui.action_set import ActionSet


class HelpDialog(QDialog):
    """The way of working, with the keys as they are bound now."""

    def __init__(self, actions: ActionSet, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("How to work here"))
        self.resize(680, 620)
        self._actions = actions
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        self.page = QTextBrowser()
        self.page.setAccessibleName(self.tr("How to work here"))
        self.page.setOpenLinks(False)
        self.page.document().setDocumentMargin(12)
        self.page.setHtml(self._html())
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout.addWidget(self.page, 1)
        layout.addWidget(buttons)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def _html(self) -> str:
        sections = (
            (
                self.tr("Look first"),
                self.tr(
                    "The grid shows all items that pass the filter, the map puts look-alikes "
                    "close together. Both show one selection: draw around points in the map, or "
                    "use {select.tick} and Shift in the grid. {view.similar} finds items like "
                    "the one under the cursor; drag a box in the large photo to search by a part "
                    "of it; drop any photo file on the window to search by that."
                ),
            ),
            (
                self.tr("Name many at once"),
                self.tr(
                    "{label.identify} opens the box for a name: a few letters are enough, "
                    "synonyms and vernacular names count. {label.accept} takes the suggestion "
                    "shown, 1 to 9 your favourites, {label.repeat} the last label again. A "
                    "label goes to the selection, or to the item under the cursor when nothing "
                    "is selected. Every large act shows a message with Undo."
                ),
            ),
            (
                self.tr("Doubt and agreement"),
                self.tr(
                    "{label.uncertain} marks a label as cf., {label.not_this} says that the item "
                    "is not of that category, {label.flag} asks for a second opinion, "
                    "{label.reviewed} says that you have looked at it. {view.next} goes to the "
                    "next one that nobody has reviewed."
                ),
            ),
            (
                self.tr("Can the classifier be trusted?"),
                self.tr(
                    "{go.prototypes} shows the patches that a classifier compares with. "
                    "{proto.keep}, {proto.background}, {proto.duplicate}, {proto.wrong_part} and "
                    "{proto.unsure} judge one, {proto.try} tries without it and shows at once "
                    "which photos change, {proto.forbid} keeps that with a reason. "
                    "{view.explain} says why a photo is classified as it is."
                ),
            ),
            (
                self.tr("Nothing is lost"),
                self.tr(
                    "Every decision is saved at once, with your name and the time. {edit.undo} "
                    "and {edit.redo} work across restarts. History shows all of it and can take "
                    "back one act from the middle. Your photos are never changed."
                ),
            ),
            (
                self.tr("Finding commands"),
                self.tr("{app.palette} finds any command or category; {app.keys} lists all keys."),
            ),
        )
        return "".join(f"<h3>{head}</h3><p>{self._with_keys(text)}</p>" for head, text in sections)

    def _with_keys(self, text: str) -> str:
        def key(match: re.Match[str]) -> str:
            return f"<b>{self._actions.key_text(match[1]).split('  ')[0] or '–'}</b>"

        return re.sub(r"\{([\w.]+)\}", key, text)

"""Short questions and faults of the world, in one place so that they look and sound alike."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QSize, Qt
from PySide6.QtWidgets import QCheckBox, QMessageBox, QWidget

from fgvc_studio.domain.errors import UserError
from fgvc_studio.gui import icons, preferences, words

_CONTEXT = "messages"
_ICON = 32
BULK_SHARE = 0.01
BULK_LEAST = 20


def show_fault(parent: QWidget, error: UserError) -> QMessageBox:
    """A sentence and a remedy; does not block. Returns the box."""
    box = QMessageBox(parent)
    box.setIconPixmap(icons.icon("warning", "warning").pixmap(QSize(_ICON, _ICON)))
    box.setWindowTitle(QCoreApplication.translate(_CONTEXT, "That did not work"))
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(error.what)
    box.setInformativeText(error.remedy)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
    return box


def needs_asking(count: int, total: int) -> bool:
    """Whether an act on `count` of `total` items is large enough to ask first (over 1 %)."""
    return (
        count > BULK_SHARE * total
        and count >= BULK_LEAST
        and not preferences.flag("confirm/bulk_off")
    )


def bulk_question(parent: QWidget, question: str, button: str) -> QMessageBox:
    """The box that asks before a large act; the act is the default, since undo exists."""
    box = QMessageBox(parent)
    box.setIconPixmap(icons.icon("label", "accent").pixmap(QSize(_ICON, _ICON)))
    box.setWindowTitle(QCoreApplication.translate(_CONTEXT, "Many items at once"))
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(question)
    box.setInformativeText(
        QCoreApplication.translate(_CONTEXT, "One Ctrl+Z takes the whole act back.")
    )
    yes = box.addButton(button, QMessageBox.ButtonRole.AcceptRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(yes)
    again = QCheckBox(
        QCoreApplication.translate(_CONTEXT, "Do not ask again (Settings brings it back)"), box
    )
    box.setCheckBox(again)
    return box


def confirm_bulk(parent: QWidget, act: str, count: int, total: int, button: str) -> bool:
    """Ask ``"<act> 812 items (1.6 %)?"`` when that is over 1 % of the project.

    Parameters
    ----------
    act : str
        A question with ``{n}``, e.g. ``Label {n} as Danaus plexippus?``.
    """
    if not needs_asking(count, total):
        return True
    items = QCoreApplication.translate(_CONTEXT, "{n} items ({share})").format(
        n=words.count(count), share=words.percent(count, total)
    )
    box = bulk_question(parent, act.replace("{n}", items), button)
    box.exec()
    agreed = box.buttonRole(box.clickedButton()) is QMessageBox.ButtonRole.AcceptRole
    if agreed and box.checkBox().isChecked():
        preferences.remember("confirm/bulk_off", True)
    return agreed

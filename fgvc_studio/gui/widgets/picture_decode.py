"""Decoding pictures in a thread: scaled, upright, cropped to an item's box.

The format is always told to Qt, never guessed by it: guessing asks the SVG plug-in, which connects
signals under a lock of Qt while this thread holds that of Python; the thread of the window may hold
the two the other way round, and both would wait for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRect, QSize, Qt
from PySide6.QtGui import QImage, QImageReader

from fgvc_studio.domain.records import Box

STORED_SIDE = 256
"""Longest side of the thumbnails that the project stores."""
_MOST_PIXELS_SIDE = 4096


_MAGIC = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF8", "gif"),
    (b"BM", "bmp"),
)


def qt_format(head: bytes) -> str:
    """Name of the format that Qt is to decode, by the first bytes; empty: none of its safe ones."""
    return next((name for magic, name in _MAGIC if head.startswith(magic)), "")


def file_reader(path: Path) -> QImageReader | None:
    """A reader for a file of a format that Qt decodes here; None for others and unreadable ones."""
    try:
        with path.open("rb") as file:
            found = qt_format(file.read(16))
    except OSError:
        return None
    if not found:
        return None
    reader = QImageReader(str(path), QByteArray(found.encode()))
    reader.setAutoDetectImageFormat(False)
    reader.setAutoTransform(True)
    return reader


def image_of(data: bytes) -> QImage:
    """Decode bytes in memory; null for formats that Qt does not decode here."""
    found = qt_format(data[:16])
    return QImage.fromData(data, found) if found else QImage()  # type: ignore[call-overload]


@dataclass(frozen=True, slots=True)
class Picture:
    """Where the picture of an item comes from.

    Attributes
    ----------
    box : Box or None
        Part of the upright image that is the item; None: all of it.
    width, height : int
        Pixels of the upright image; needed when there is a box.
    """

    image_id: int
    box: Box | None = None
    width: int = 0
    height: int = 0

    def side_within(self, side: float) -> float:
        """Longest side of the item when the whole image is scaled to longest side `side`."""
        longest = max(self.width, self.height)
        if self.box is None or not longest:
            return side
        return max(self.box.width, self.box.height) * side / longest


def decode_bytes(data: bytes, picture: Picture, size: int) -> QImage | None:
    """Decode a stored thumbnail to a picture of at most `size` on its longest side."""
    found = qt_format(data[:16])
    if not found:
        return None
    store = QByteArray(data)
    buffer = QBuffer(store)
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer, QByteArray(found.encode()))
    reader.setAutoDetectImageFormat(False)
    return _read(reader, picture, size)


def decode_file(path: Path, picture: Picture, size: int) -> QImage | None:
    """Decode an image file to a picture of at most `size` on its longest side."""
    reader = file_reader(path)
    return _read(reader, picture, size) if reader else None


def _read(reader: QImageReader, picture: Picture, size: int) -> QImage | None:
    reader.setAutoTransform(True)
    full = reader.size()
    if full.isValid():
        longest = max(full.width(), full.height())
        share = picture.side_within(1.0)
        target = min(longest, _MOST_PIXELS_SIDE, round(size / max(share, 1e-6)))
        if target < longest:
            reader.setScaledSize(
                full.scaled(QSize(target, target), Qt.AspectRatioMode.KeepAspectRatio).expandedTo(
                    QSize(1, 1)
                )
            )
    image = reader.read()
    if image.isNull():
        return None
    if picture.box is not None and picture.width and picture.height:
        image = image.copy(_scaled_box(picture, image.size()))
    if max(image.width(), image.height()) > size:
        image = image.scaled(
            QSize(size, size),
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
    alpha = image.hasAlphaChannel()
    return image.convertToFormat(
        QImage.Format.Format_ARGB32_Premultiplied if alpha else QImage.Format.Format_RGB32
    )


def _scaled_box(picture: Picture, size: QSize) -> QRect:
    assert picture.box is not None
    fx, fy = size.width() / picture.width, size.height() / picture.height
    left, top = int(picture.box.x * fx), int(picture.box.y * fy)
    width = max(1, round(picture.box.width * fx))
    height = max(1, round(picture.box.height * fy))
    whole = QRect(0, 0, size.width(), size.height())
    inside = QRect(left, top, width, height).intersected(whole)
    return whole if inside.isEmpty() else inside

"""Parts of photos as small pictures: numbers for them, and the lane that cuts them out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from PySide6.QtCore import QObject

from fgvc_studio.domain.records import Box
from fgvc_studio.gui.widgets.picture_decode import Picture
from fgvc_studio.gui.widgets.thumbnails import GetMany, PathOf, Thumbnails

PicturesOf = Callable[[list[int]], Sequence[Picture | None]]

ROOM = 1.5
"""Side of a close-up in sides of its patch, so that one sees what the patch is a part of."""


def close_up(box: Box, width: int, height: int, room: float = ROOM) -> Box:
    """A square around a patch, moved to lie within an image of ``width`` x ``height`` pixels."""
    side = min(max(box.width, box.height, 1.0) * room, width, height)
    x = box.x + box.width / 2 - side / 2
    y = box.y + box.height / 2 - side / 2
    return Box(min(max(x, 0.0), width - side), min(max(y, 0.0), height - side), side, side)


class PatchPictures(QObject):
    """A lane of thumbnails for parts of items.

    `key` gives a part its number; `thumbnails` then knows it under that number. Numbers are given
    out once and stay until `forget`.

    Parameters
    ----------
    pictures_of : callable
        Item ids -> their pictures; called in the lane's threads.
    """

    def __init__(
        self,
        get_many: GetMany,
        pictures_of: PicturesOf,
        path_of: PathOf,
        *,
        budget_bytes: int = 48 << 20,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._pictures_of = pictures_of
        self._numbers: dict[tuple[int, Box | None], int] = {}
        self._parts: list[tuple[int, Box | None]] = []
        self.thumbnails = Thumbnails(
            get_many,
            pictures=self._pictures,
            path_of=path_of,
            budget_bytes=budget_bytes,
            threads=1,
            parent=self,
        )

    def key(self, item_id: int, box: Box | None = None) -> int:
        """The number of a part of an item, or of all of it."""
        part = (item_id, box)
        number = self._numbers.get(part)
        if number is None:
            self._parts.append(part)
            number = self._numbers[part] = len(self._parts)
        return number

    def stop(self) -> None:
        """End the lane."""
        self.thumbnails.stop()

    def _pictures(self, keys: list[int]) -> list[Picture | None]:
        parts = [self._parts[k - 1] for k in keys]
        found = self._pictures_of([item for item, _ in parts])
        return [cut(picture, box) for picture, (_, box) in zip(found, parts, strict=True)]


def cut(picture: Picture | None, box: Box | None) -> Picture | None:
    """The close-up of a patch of an item's picture; without a box the item as it is."""
    if picture is None or box is None or not picture.width or not picture.height:
        return picture
    return replace(picture, box=close_up(box, picture.width, picture.height))

"""What the camera wrote into an image file: when, where, with what."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from fgvc_studio.interchange.values import coordinate, iso_date

_EXIF, _GPS = 0x8769, 0x8825
_MAKE, _MODEL, _DATE_TIME = 0x010F, 0x0110, 0x0132
_DATE_TIME_ORIGINAL, _OFFSET_ORIGINAL = 0x9003, 0x9011
_FAULTS = (
    OSError, ValueError, TypeError, KeyError, IndexError, SyntaxError, AttributeError,
    ArithmeticError, EOFError, struct.error, RuntimeError,
)  # fmt: skip
_FORMATS = ("JPEG", "MPO", "TIFF", "WEBP", "PNG", "AVIF", "HEIF")


def read_facts(path: Path, format: str) -> dict[str, str]:
    """Read ``date`` (ISO), ``latitude``, ``longitude`` and ``camera`` from the file's header.

    Reads no pixels. A missing or damaged header gives an empty result.
    """
    if format not in _FORMATS:
        return {}
    from PIL import Image

    try:
        with Image.open(path) as image:
            exif = image.getexif()
            if not exif:
                return {}
            return _facts(exif, exif.get_ifd(_EXIF), exif.get_ifd(_GPS))
    except _FAULTS:
        return {}


def _facts(exif: Any, detail: dict[int, Any], gps: dict[int, Any]) -> dict[str, str]:
    facts: dict[str, str] = {}
    taken = iso_date(_text(detail.get(_DATE_TIME_ORIGINAL) or exif.get(_DATE_TIME)))
    if taken and not taken.startswith("0000"):
        offset = _text(detail.get(_OFFSET_ORIGINAL))
        facts["date"] = iso_date(f"{taken} {offset}") or taken if offset else taken
    make, model = _text(exif.get(_MAKE)), _text(exif.get(_MODEL))
    camera = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    if camera.strip():
        facts["camera"] = camera.strip()
    latitude, longitude = _degrees(gps, 1, "S", 90), _degrees(gps, 3, "W", 180)
    if latitude and longitude and (latitude, longitude) != ("0", "0"):
        facts["latitude"], facts["longitude"] = latitude, longitude
    return facts


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    return value.replace("\x00", "").strip() if isinstance(value, str) else ""


def _degrees(gps: dict[int, Any], reference: int, negative: str, limit: float) -> str | None:
    try:
        degrees, minutes, seconds = (float(part) for part in gps[reference + 1])
    except _FAULTS:
        return None
    value = degrees + minutes / 60 + seconds / 3600
    if _text(gps.get(reference)).upper().startswith(negative):
        value = -value
    return coordinate(f"{value:.7f}", limit)

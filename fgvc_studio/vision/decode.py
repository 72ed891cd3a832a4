"""Open pictures safely: every bad file ends as a `DecodeError` with a reason in words.

Rules: only regular files are opened; a size is checked in the header before pixels are decoded;
truncated files are errors; frame 0 of animations and page 0 of documents is taken; EXIF
orientation 1-8 is applied, anything else in its place is ignored with a note.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from fgvc_studio.domain.errors import UserError
from fgvc_studio.vision import pixels, sniffing

MAX_PIXELS = 500_000_000
"""Most pixels that a header may claim."""
MAX_DECODED = 250_000_000
"""Most pixels decoded at once: larger pictures open only as JPEG, at a reduced scale."""
THUMBNAIL = 256
"""Longest side of a thumbnail, pixels."""

_IN_MEMORY = 64 << 20
_DNG_VERSION = 50706
_ORIENTATION = 0x0112
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_KINDS = (
    (stat.S_ISDIR, "it is a folder, not a file"),
    (stat.S_ISFIFO, "it is a named pipe, not a file"),
    (stat.S_ISSOCK, "it is a socket, not a file"),
    (stat.S_ISCHR, "it is a device, not a file"),
    (stat.S_ISBLK, "it is a device, not a file"),
)

# Process-wide, since Pillow knows no other way: parts of a file (icons, tiles, frames) are checked
# by Pillow itself, which errs at twice this number. What Pillow warns of we note ourselves.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
warnings.filterwarnings("ignore", module=r"PIL\..*")
Image.init()


class DecodeError(UserError):
    """A file cannot be used as a picture; `reason` is a clause in plain words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """An opened picture.

    Attributes
    ----------
    image : PIL.Image.Image
        8-bit RGB, upright; smaller than the file's picture when decoded at a scale.
    width, height : int
        Pixels of the upright picture at full size.
    format : str
        Pillow's name of the format found inside, e.g. ``JPEG``.
    note : str
        What the user may want to know (clauses joined with ``; ``), or empty.
    """

    image: Image.Image
    width: int
    height: int
    format: str
    note: str


@dataclass(frozen=True, slots=True)
class Examined:
    """What an import needs to know of a file, from one pass over it.

    Attributes
    ----------
    phash : int
        `difference_hash` of the upright picture.
    thumbnail : bytes
        JPEG, longest side 256 pixels.
    """

    sha256: bytes
    size_bytes: int
    mtime_ns: int
    width: int
    height: int
    phash: int
    format: str
    note: str
    thumbnail: bytes


def open_image(
    source: Path | bytes, *, max_pixels: int = MAX_PIXELS, target: int | None = None
) -> Decoded:
    """Open a picture as upright 8-bit RGB. May be called from many threads at once.

    Parameters
    ----------
    source : Path or bytes
        A file, or the content of one.
    max_pixels : int
        Refuse files whose header claims more; at most `MAX_PIXELS`. Independently of it, no more
        than `MAX_DECODED` pixels are decoded, so that a larger picture opens only as a baseline
        JPEG with `target`, at a reduced scale.
    target : int, optional
        Pixels. Decode JPEG at 1/2, 1/4 or 1/8 when the shorter side stays at least this long.
        Other formats always come at full size.

    Raises
    ------
    DecodeError
        For every file that does not hold a usable picture; nothing else is raised for bad files.
    """
    if isinstance(source, bytes | bytearray):
        return _decode(io.BytesIO(source), PurePath(), max_pixels, target)
    with _opened(source) as (file, _):
        return _decode(file, PurePath(source), max_pixels, target)


def examine(path: Path, *, max_pixels: int = MAX_PIXELS) -> Examined:
    """Read a file once: checksum, size, difference hash, thumbnail.

    Raises
    ------
    DecodeError
        As `open_image`.
    """
    with _opened(path) as (file, info):
        if info.st_size <= _IN_MEMORY:
            data = _read(file)
            size, digest = len(data), fingerprint(data)
            file = io.BytesIO(data)
        else:
            size, digest = info.st_size, _checksum(file)
        decoded = _decode(file, PurePath(path), max_pixels, THUMBNAIL)
    small = _shrunk(decoded.image, THUMBNAIL)
    return Examined(
        sha256=digest,
        size_bytes=size,
        mtime_ns=info.st_mtime_ns,
        width=decoded.width,
        height=decoded.height,
        phash=difference_hash(small),
        format=decoded.format,
        note=decoded.note,
        thumbnail=_jpeg(small),
    )


def fingerprint(data: bytes) -> bytes:
    """SHA-256 of a file's bytes (32 bytes)."""
    return hashlib.sha256(data).digest()


def difference_hash(image: Image.Image) -> int:
    """64-bit difference hash of a picture as a signed integer.

    The grey picture is averaged to 9 x 8 cells; a bit says whether a cell is brighter than its
    right neighbour, rows from the top, the first bit being the highest. Cells that differ by no
    more than one grey level count as brighter in the left half and as darker in the right half:
    flat backgrounds so hash alike in spite of noise, and the hash of the mirror image follows
    from the hash alone (`mirrored_hashes`).
    """
    cells = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    step = cells[:, :-1] - cells[:, 1:]
    bits = np.where(np.abs(step) <= 1, np.arange(8) < 4, step > 0)
    return int(np.packbits(bits).view(">i8")[0])


def mirrored_hashes(phashes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Difference hashes that the left-right mirrored pictures have, for near-duplicate search.

    Parameters
    ----------
    phashes : ndarray (N,) int64
        From `difference_hash`.

    Returns
    -------
    ndarray (N,) int64
        Exact up to the rounding of the 9 x 8 averages, a bit or two.
    """
    rows = np.ascontiguousarray(phashes, ">i8").view(np.uint8)
    mirrored = ~np.packbits(np.unpackbits(rows[:, None], axis=1)[:, ::-1], axis=1)
    return mirrored.reshape(-1).view(">i8").astype(np.int64)


def thumbnail_jpeg(image: Image.Image, size: int = THUMBNAIL) -> bytes:
    """Thumbnail as JPEG bytes (quality 85), longest side `size` pixels; never enlarged."""
    return _jpeg(_shrunk(image, size))


def _shrunk(image: Image.Image, size: int) -> Image.Image:
    scale = size / max(image.size)
    if scale >= 1:
        return image
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85, exif=b"", icc_profile=None)
    return out.getvalue()


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, os.stat_result]]:
    """Open a regular file for reading; what is not one is never opened."""
    try:
        info = Path(path).stat()
        for is_kind, reason in _KINDS:
            if is_kind(info.st_mode):
                raise DecodeError(reason)
        if not info.st_size:
            raise DecodeError("the file is empty (0 bytes)")
        file = Path(path).open("rb")  # noqa: SIM115  (closed below: errors of use are not of opening)
    except (OSError, ValueError) as error:
        raise DecodeError(_why_not_opened(path, error)) from error
    with file:
        yield file, info


def _why_not_opened(path: Path, error: OSError | ValueError) -> str:
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if isinstance(error, FileNotFoundError):
        link = Path(path).is_symlink()
        return "the link points to a file that does not exist" if link else "the file is missing"
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return "the link points to itself"
    return f"it cannot be opened ({error})"


def _read(file: BinaryIO) -> bytes:
    try:
        return file.read()
    except OSError as error:
        raise DecodeError(f"it cannot be read ({error.strerror or error})") from error
    except MemoryError as error:
        raise DecodeError("there is not enough memory to read it") from error


def _checksum(file: BinaryIO) -> bytes:
    try:
        digest = hashlib.file_digest(file, "sha256").digest()
        file.seek(0)
    except OSError as error:
        raise DecodeError(f"it cannot be read ({error.strerror or error})") from error
    return digest


def _decode(file: BinaryIO, path: PurePath, max_pixels: int, target: int | None) -> Decoded:
    try:
        return _decode_with_pillow(file, path, max_pixels, target)
    except DecodeError:
        raise
    except Exception as error:  # plugins raise anything at all on hostile bytes
        raise DecodeError(_why_not_decoded(file, path, error)) from error


def _decode_with_pillow(
    file: BinaryIO, path: PurePath, max_pixels: int, target: int | None
) -> Decoded:
    image: ImageFile.ImageFile = Image.open(file, formats=sniffing.FORMATS)
    found = image.format or ""
    _refuse_raw(image, path)
    width, height = image.size
    if width < 1 or height < 1:
        raise DecodeError("the picture has no pixels")
    if width * height > max_pixels:
        raise DecodeError(_too_large(width, height, max_pixels))
    notes = [f"{found} in spite of its name"] if sniffing.misnamed(path, found) else []
    if _several(image):
        notes.append("the first of several frames or pages")
    if target:
        image.draft(None, (target, target))
    progressive = "progressive" in image.info or "progression" in image.info
    decoded_pixels = width * height if progressive else image.size[0] * image.size[1]
    if decoded_pixels > MAX_DECODED:
        raise DecodeError(_too_large(width, height, MAX_DECODED))
    image.load()
    orientation, note = _orientation(image)
    notes.append(note)
    rgb, note = pixels.to_rgb(image)
    notes.append(note)
    if orientation in _TRANSPOSE:
        rgb = rgb.transpose(_TRANSPOSE[orientation])
    if orientation >= 5:
        width, height = height, width
    return Decoded(rgb, width, height, found, "; ".join(filter(None, notes)))


def _refuse_raw(image: ImageFile.ImageFile, path: PurePath) -> None:
    """Raw files are TIFF whose first page is a tiny preview: refuse rather than take that."""
    tags = getattr(image, "tag_v2", ())
    if image.format == "TIFF" and (
        path.suffix.lower() in sniffing.RAW_SUFFIXES or _DNG_VERSION in tags
    ):
        raise DecodeError(f"this is {sniffing.RAW_REASON}")


def _several(image: ImageFile.ImageFile) -> bool:
    if image.format not in ("GIF", "PNG", "WEBP", "TIFF", "AVIF"):
        return False
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # noqa: BLE001  (a broken second frame does not matter)
        image.seek(0)
        return False


def _orientation(image: ImageFile.ImageFile) -> tuple[int, str]:
    """EXIF orientation 1-8 of a loaded picture, and a note where it is broken."""
    try:
        exif = image.getexif()
        value = exif.get(_ORIENTATION, 1)
        broken = bool(image.info.get("exif")) and not len(exif)
    except Exception:  # noqa: BLE001  (broken EXIF raises whatever its parser met)
        return 1, "broken EXIF ignored"
    if broken and image.format != "TIFF":
        return 1, "broken EXIF ignored"
    if isinstance(value, int) and 0 <= value <= 8:  # 0: the camera did not say
        return value, ""
    return 1, f"invalid EXIF orientation {str(value)[:20]} ignored"


def _too_large(width: int, height: int, limit: int) -> str:
    return (
        f"the picture claims {width:,} x {height:,} pixels "
        f"({width * height / 1e6:,.0f} million; the limit is {limit / 1e6:,.0f} million)"
    )


def _why_not_decoded(file: BinaryIO, path: PurePath, error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        file.seek(0)
        head = file.read(512)
        if not head:
            return "the file is empty (0 bytes)"
        return f"this is {sniffing.describe(head, path.suffix.lower())}"
    if isinstance(error, Image.DecompressionBombError):
        return "the picture claims far more pixels than can be decoded safely"
    if isinstance(error, MemoryError):
        return "there is not enough memory to decode it"
    text = str(error).split("\n")[0][:120]
    if "truncated" in text.lower() or isinstance(error, EOFError | struct.error):
        return f"the file is truncated: the picture ends too early ({text or 'end of file'})"
    return (
        f"the picture data are damaged or of an unsupported kind ({text or type(error).__name__})"
    )

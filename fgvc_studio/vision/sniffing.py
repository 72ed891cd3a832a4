"""What a file that is no picture seems to be, in words; and which names belong to which format."""

from __future__ import annotations

import codecs
from pathlib import PurePath

_RAW = (
    ".3fr .arw .cr2 .cr3 .crw .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .rw2 .rwl"
    " .sr2 .srf .srw .x3f"
)
RAW_SUFFIXES = frozenset(_RAW.split())
RAW_REASON = "a camera raw file; export it as JPEG or TIFF"

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"%PDF", "a PDF document; export its pages as JPEG or PNG"),
    (b"%!PS", "a PostScript (EPS) file, which is never run; export it as PNG or TIFF"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript (EPS) file, which is never run; export it as PNG or TIFF"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"FUJIFILM", RAW_REASON),
    (b"IIRO", RAW_REASON),
    (b"IIU\x00", RAW_REASON),
    (b"\x89PNG\r\n\x1a\n", "a damaged PNG picture"),
    (b"\xff\xd8\xff", "a damaged JPEG picture"),
    (b"GIF8", "a damaged GIF picture"),
    (b"\xff\x4f\xff\x51", "a damaged JPEG 2000 picture"),
    (b"\x00\x00\x00\x0cjP  ", "a damaged JPEG 2000 picture"),
    (b"II*\x00", "a damaged TIFF picture, or one of an unknown kind"),
    (b"MM\x00*", "a damaged TIFF picture, or one of an unknown kind"),
    (b"II+\x00", "a damaged TIFF picture, or one of an unknown kind"),
    (b"MM\x00+", "a damaged TIFF picture, or one of an unknown kind"),
)
_HEIF = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))

# One format may bear several endings; everything else is said to be misnamed.
_SUFFIXES: dict[str, str] = {
    "AVIF": ".avif .avifs .heif",
    "BMP": ".bmp .dib",
    "DIB": ".bmp .dib",
    "GIF": ".gif",
    "ICNS": ".icns",
    "ICO": ".ico",
    "JPEG": ".jpg .jpeg .jpe .jfif .jif .mpo",
    "JPEG2000": ".jp2 .j2k .jpf .jpx .j2c .jpc",
    "MPO": ".mpo .jpg .jpeg .jps",
    "PCX": ".pcx",
    "PNG": ".png .apng",
    "PPM": ".ppm .pgm .pbm .pnm .pfm .pam",
    "PSD": ".psd",
    "QOI": ".qoi",
    "SGI": ".sgi .rgb .rgba .bw",
    "TGA": ".tga .icb .vda .vst",
    "TIFF": ".tif .tiff",
    "WEBP": ".webp",
}
FORMATS: tuple[str, ...] = tuple(name for name in _SUFFIXES if name != "MPO")
"""Pillow plugins that may open a file; MPO comes with JPEG.

EPS (which runs Ghostscript), WMF and the stub formats are left out.
"""

_KNOWN = frozenset(suffix for names in _SUFFIXES.values() for suffix in names.split())


def misnamed(path: PurePath, found: str) -> bool:
    """Whether the ending of `path` names another picture format than the one found inside."""
    suffix = path.suffix.lower()
    return suffix in _KNOWN and suffix not in _SUFFIXES.get(found, suffix).split()


def describe(head: bytes, suffix: str = "") -> str:
    """Say what a file that Pillow did not recognise seems to be.

    Parameters
    ----------
    head : bytes
        The first few hundred bytes.
    suffix : str
        Ending of its name, lower case with the dot.

    Returns
    -------
    str
        A noun phrase, e.g. ``a web page (HTML)``.
    """
    if (head[:2] in (b"II", b"MM") and head[8:10] == b"CR") or suffix in RAW_SUFFIXES:
        return RAW_REASON
    if head[4:8] == b"ftyp":
        if head[8:12] in _HEIF:
            return "a HEIF/HEIC photo; export it as JPEG"
        return RAW_REASON if head[8:11] == b"crx" else "a video"
    for magic, words in _MAGIC:
        if head.startswith(magic):
            return words
    return _text(head) or "not a picture of a known format"


def _text(head: bytes) -> str:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:256].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "a web page (HTML), perhaps a failed download"
    if b"<svg" in start:
        return "an SVG drawing; export it as PNG"
    if start.startswith(b"<?xml"):
        return "an XML text"
    printable = sum(byte >= 32 or byte in (9, 10, 13) for byte in head)
    if head and b"\0" not in head and printable == len(head):
        try:
            codecs.getincrementaldecoder("utf-8")().decode(head)  # may end within a character
        except UnicodeDecodeError:
            return ""
        return "a text file"
    return ""

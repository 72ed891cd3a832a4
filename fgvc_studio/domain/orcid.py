"""ORCID: sixteen digits that name a researcher; the last one checks the others (ISO 7064 11-2)."""

from __future__ import annotations

import re

_SHAPE = re.compile(r"(\d{4})-?(\d{4})-?(\d{4})-?(\d{3}[\dX])")
_PREFIX = re.compile(r"^(https?://)?(www\.)?orcid\.org/", re.IGNORECASE)


def normal(text: str) -> str:
    """``0000-0002-1825-0097`` from what was typed or pasted, a web address included.

    Returns an empty text for an empty one.

    Raises
    ------
    ValueError
        It has not the shape of an ORCID, or its check digit does not fit.
    """
    bare = _PREFIX.sub("", text.strip()).replace(" ", "").rstrip("/").upper()
    if not bare:
        return ""
    found = _SHAPE.fullmatch(bare)
    if not found:
        raise ValueError("An ORCID has sixteen digits, such as 0000-0002-1825-0097.")
    digits = "".join(found.groups())
    if check_digit(digits[:15]) != digits[15]:
        raise ValueError("The last digit does not fit the others; one of them is mistyped.")
    return "-".join(found.groups())


def check_digit(digits: str) -> str:
    """The sixteenth character for the first fifteen digits (ISO/IEC 7064, MOD 11-2)."""
    total = 0
    for digit in digits:
        total = (total + int(digit)) * 2
    rest = (12 - total % 11) % 11
    return "X" if rest == 10 else str(rest)


def signature(name: str, orcid: str) -> str:
    """What stands on a decision: the name, and the ORCID behind it in brackets."""
    return f"{name} ({orcid})" if orcid else name


def parted(signed: str) -> tuple[str, str]:
    """Name and ORCID of a `signature`; the ORCID is empty where there is none."""
    found = re.fullmatch(r"(.*) \((\d{4}-\d{4}-\d{4}-\d{3}[\dX])\)", signed)
    return (found[1], found[2]) if found else (signed, "")

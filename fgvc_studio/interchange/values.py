"""Numbers, coordinates and dates as people write them, brought to one notation."""

from __future__ import annotations

import re
from datetime import date, datetime

_NUMBER = re.compile(r"^[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?$")
_GROUPED = re.compile(r"^[+-]?\d{1,3}([.,' \u00a0\u202f]\d{3})+([.,]\d+)?$")
_DEGREES = re.compile(
    r"^(?P<h1>[NSEWO])?\s*(?P<sign>[+-])?(?P<d>\d+(?:[.,]\d+)?)\s*(?:°|º|deg|d)?\s*"
    r"(?:(?P<m>\d+(?:[.,]\d+)?)\s*(?:'|′|’|m)\s*)?(?:(?P<s>\d+(?:[.,]\d+)?)\s*(?:\"|″|”|''|s)\s*)?"
    r"(?P<h2>[NSEWO])?$",
    re.IGNORECASE,
)
_MONTHS = {
    name: i
    for i, names in enumerate(
        (
            "jan january i", "feb february ii", "mar march iii", "apr april iv", "may v",
            "jun june vi", "jul july vii", "aug august viii", "sep sept september ix",
            "oct october x", "nov november xi", "dec december xii",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_TIME = r"(?:[T\s]+(\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
_YMD = re.compile(rf"^(\d{{4}})[-/.:](\d{{1,2}})[-/.:](\d{{1,2}}){_TIME}$")
_COMPACT = re.compile(r"^(\d{4})(\d{2})(\d{2})$")
_PARTIAL = re.compile(r"^(1[5-9]|20)\d{2}(-(0[1-9]|1[0-2]))?$")
_XYY = re.compile(rf"^(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}){_TIME}$")
_D_MONTH_Y = re.compile(rf"^(\d{{1,2}})[-/.\s]*([A-Za-z]+)[-/.,\s]*(\d{{4}}){_TIME}$")
_MONTH_D_Y = re.compile(rf"^([A-Za-z]+)\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}}){_TIME}$")
_DAY_FIRST = re.compile(r"^(\d{1,2})([-/])(\d{1,2})\2\d{4}\b")


def number(text: str) -> float | None:
    """Read a number with a point or a comma, with or without groups of thousands."""
    text = text.strip().replace("\u2212", "-")
    if _NUMBER.match(text):
        return float(text.replace(",", "."))
    if _GROUPED.match(text):
        last = max(text.rfind("."), text.rfind(","))
        marks = {c for c in text if c in ".,' \u00a0\u202f"}
        if len(marks) > 1 and last >= 0:
            whole, fraction = text[:last], text[last + 1 :]
        else:
            whole, fraction = text, ""
        digits = re.sub(r"[^\d+-]", "", whole)
        return float(f"{digits}.{fraction or 0}")
    return None


def coordinate(text: str, limit: float) -> str | None:
    """Read a latitude (`limit` 90) or longitude (180) to decimal degrees; None if it is neither.

    Decimal commas, degrees with minutes and seconds, and hemisphere letters are understood.
    """
    text = text.strip().replace("\u2212", "-")
    value: float | None
    if _NUMBER.match(text):
        value = float(text.replace(",", "."))
    else:
        match = _DEGREES.match(text)
        if not match:
            return None
        parts = [float((match[name] or "0").replace(",", ".")) for name in ("d", "m", "s")]
        if parts[1] >= 60 or parts[2] >= 60:
            return None
        value = parts[0] + parts[1] / 60 + parts[2] / 3600
        hemisphere = (match["h1"] or match["h2"] or "").upper()
        if match["sign"] == "-" or hemisphere in ("S", "W"):
            value = -value
        if (hemisphere in ("N", "S")) and limit > 90:
            return None
        if (hemisphere in ("E", "W", "O")) and limit <= 90:
            return None
    if abs(value) > limit:
        return None
    return f"{value:.8f}".rstrip("0").rstrip(".") or "0"


def day_first(text: str) -> bool | None:
    """Tell from one date like ``13/08/2019`` whether the day comes first; None if unclear."""
    match = _DAY_FIRST.match(text.strip())
    if not match:
        return None
    first, second = int(match[1]), int(match[3])
    if first > 12 >= second:
        return True
    if second > 12 >= first:
        return False
    return None


def iso_date(text: str, days_first: bool | None = None) -> str | None:
    """Bring a date, with or without a time, to ISO 8601; None when it is unclear or impossible.

    Parameters
    ----------
    days_first : bool or None
        How to read ``3/8/2019``; None: such a date is unclear.
    """
    text = " ".join(text.split())
    if _PARTIAL.match(text):
        return text
    if match := _COMPACT.match(text):
        return _iso(match[1], match[2], match[3])
    if match := _YMD.match(text):
        return _iso(match[1], match[2], match[3], match[4], match[5])
    if match := _XYY.match(text):
        first, second = int(match[1]), int(match[3])
        order = True if match[2] == "." else day_first(text)
        if order is None:
            order = True if first == second else days_first
        if order is None:
            return None
        day, month = (first, second) if order else (second, first)
        return _iso(match[4], month, day, match[5], match[6])
    if match := _D_MONTH_Y.match(text):
        named = _MONTHS.get(match[2].lower())
        return _iso(match[3], named, match[1], match[4], match[5]) if named else None
    if match := _MONTH_D_Y.match(text):
        named = _MONTHS.get(match[1].lower())
        return _iso(match[3], named, match[2], match[4], match[5]) if named else None
    return _interval(text)


def _interval(text: str) -> str | None:
    start, slash, end = text.partition("/")
    if not slash:
        return None
    try:
        datetime.fromisoformat(start)
        datetime.fromisoformat(end)
    except ValueError:
        return None
    return text


def _iso(
    year: str | int,
    month: str | int,
    day: str | int,
    clock: str | None = None,
    zone: str | None = None,
) -> str | None:
    try:
        found = date(int(year), int(month), int(day)).isoformat()
        if not clock:
            return found
        hours, *rest = clock.replace(",", ".").split(":")
        stamp = f"{found}T{int(hours):02d}:{':'.join(rest)}"
        datetime.fromisoformat(stamp)
    except ValueError:
        return None
    if zone in ("Z", "UTC", "GMT"):
        return stamp + "Z"
    if zone and ":" not in zone:
        zone = f"{zone[:3]}:{zone[3:]}"
    return stamp + (zone or "")

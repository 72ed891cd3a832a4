"""Numbers, times and durations as people read them."""

from __future__ import annotations

import re
import time

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale

_CONTEXT = "words"
_SIGNS = {
    "lambda": "λ", "mu": "μ", "tau": "τ", "alpha": "α", "epsilon": "ε", "rho": "ρ",
}  # fmt: skip


def count(number: int) -> str:
    """A whole number with the separators of the user's language: ``51,230``."""
    locale = QLocale()
    if locale.language() == QLocale.Language.C:
        return f"{int(number):,}"
    return locale.toString(int(number))


def percent(part: int, whole: int) -> str:
    """A share: ``36 %``, ``1.6 %`` below ten; never 100 % while something is missing."""
    if whole <= 0:
        return "0 %"
    share = 100 * part / whole
    if 0 < share < 10:
        return f"{max(0.1, round(share, 1)):g} %"
    return f"{min(round(share), 99) if part < whole else 100} %"


def sureness(confidence: float) -> str:
    """A confidence: ``0.83``; below one in twenty only that, since more was not measured."""
    return f"{confidence:.2f}" if confidence >= 0.05 else "< 0.05"


def symbol(written: str) -> str:
    """A sign of a paper as it is printed there: ``tau_t`` gives ``τ_t``."""
    return "".join(_SIGNS.get(part, part) for part in re.split(r"(_|\W)", written))


def duration(seconds: float) -> str:
    """A rough time: ``40 s``, ``3 min``, ``2 h 10 min``."""
    whole = max(0, round(seconds))
    if whole < 90:
        return QCoreApplication.translate(_CONTEXT, "{n} s").format(n=whole)
    minutes = round(whole / 60)
    if minutes < 90:
        return QCoreApplication.translate(_CONTEXT, "{n} min").format(n=minutes)
    return QCoreApplication.translate(_CONTEXT, "{h} h {m} min").format(
        h=minutes // 60, m=minutes % 60
    )


def path(names: str) -> str:
    """A path of the tree without the names that the next one repeats.

    ``Insecta > Striganea > Striganea fimbriaria`` is ``Insecta › Striganea fimbriaria``.
    """
    parts = names.split(" > ")
    kept = [
        part
        for part, after in zip(parts, [*parts[1:], ""], strict=True)
        if not after.startswith(f"{part} ")
    ]
    return " › ".join(kept)


def clock(at: float) -> str:
    """Time of day of Unix seconds: ``14:02:07``."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def when(at: float) -> str:
    """Date and time of Unix seconds, short; only the time where it was today."""
    moment = time.localtime(at)
    if moment[:3] == time.localtime()[:3]:
        return clock(at)
    return QLocale().toString(QDateTime.fromSecsSinceEpoch(int(at)), QLocale.FormatType.ShortFormat)


def day(at: float) -> str:
    """How long ago, in days: ``today``, ``yesterday``, ``5 days ago``, else the date."""
    days = int(time.time() // 86400) - int(at // 86400)
    if days <= 0:
        return QCoreApplication.translate(_CONTEXT, "today")
    if days == 1:
        return QCoreApplication.translate(_CONTEXT, "yesterday")
    if days < 14:
        return QCoreApplication.translate(_CONTEXT, "{n} days ago").format(n=days)
    return QLocale().toString(
        QDateTime.fromSecsSinceEpoch(int(at)).date(), QLocale.FormatType.ShortFormat
    )


def size(n_bytes: float) -> str:
    """Bytes: ``412 MB``."""
    return QLocale().formattedDataSize(int(n_bytes), 0, QLocale.DataSizeFormat.DataSizeSIFormat)

"""Temporary."""

from __future__ import annotations

import importlib.util

from PySide6.QtGui import QIcon


def icon(name: str, token: str = "text") -> QIcon:
    if importlib.util.find_spec("fgvc_studio.gui.icons") is None:
        return QIcon()
    from fgvc_studio.gui import icons

    return icons.icon(name, token) if name in icons.names() else QIcon()

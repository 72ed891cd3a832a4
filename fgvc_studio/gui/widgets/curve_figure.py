"""Curves as a picture, drawn by matplotlib; may be called outside the GUI thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from fgvc_studio.gui.theme import Theme

_DPI = 100
_SMOOTH = 0.06
"""Share of a curve that a smoothed value looks back over."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One line of a panel; `colour` numbers the line colours."""

    label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    colour: int
    smooth: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Lines that share axes.

    Attributes
    ----------
    low, high : float or None
        Fixed ends of the vertical axis.
    lines : tuple of (str, float)
        Horizontal lines with a name: an alarm's limit, the frozen space.
    """

    title: str
    curves: tuple[Curve, ...]
    low: float | None = None
    high: float | None = None
    lines: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a panel lies: a rectangle in shares of the picture from the upper left, and limits."""

    left: float
    top: float
    width: float
    height: float
    x_low: float
    x_high: float


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A drawn board."""

    image: QImage
    frames: tuple[Frame, ...]
    panels: tuple[Panel, ...]


def warm_up() -> None:
    """Load matplotlib and its list of fonts ahead of use; any thread."""
    from matplotlib import font_manager
    from matplotlib.backends import backend_agg  # noqa: F401

    font_manager.findfont("DejaVu Sans")


def smoothed(y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Exponential moving average that starts anew after NaN."""
    weight = min(1.0, 2 / (1 + max(1.0, _SMOOTH * len(y))))
    out = np.full(len(y), np.nan)
    level = np.nan
    for i, value in enumerate(y):
        if np.isnan(value):
            level = np.nan
            continue
        level = value if np.isnan(level) else level + weight * (value - level)
        out[i] = level
    return out


def grid_of(panels: int, width: int, height: int) -> tuple[int, int]:
    """Rows and columns for so many panels in so much room."""
    columns = 1 if panels == 1 else 2 if width >= 1.1 * height or panels > 3 else 1
    return -(-panels // columns), columns


def draw(
    panels: tuple[Panel, ...],
    parts: tuple[int, ...],
    total: int,
    size: tuple[int, int],
    ratio: float,
    tokens: Theme,
    colours: NDArray[np.uint8],
) -> Picture:
    """Draw panels.

    Parameters
    ----------
    parts : tuple of int
        Steps at which a thin upright line stands.
    total : int
        Steps of the whole run; the horizontal axis reaches there. 0: to the last point.
    size : (int, int)
        Width and height in device-independent pixels.
    ratio : float
        Device pixels per pixel.
    colours : ndarray (n, 3) uint8
        Of the lines.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width, height = max(80, size[0]), max(60, size[1])
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI * ratio)
    canvas = FigureCanvasAgg(figure)
    figure.patch.set_facecolor(tokens.panel)
    rows, columns = grid_of(len(panels), width, height)
    gap_x, gap_y = 54 / width, 58 / height
    figure.subplots_adjust(
        left=48 / width,
        right=1 - 14 / width,
        top=1 - 28 / height,
        bottom=26 / height,
        wspace=_space(gap_x, columns, 1 - 62 / width),
        hspace=_space(gap_y, rows, 1 - 54 / height),
    )
    frames = []
    for i, panel in enumerate(panels):
        axes = figure.add_subplot(rows, columns, i + 1)
        _panel(axes, panel, parts, total, tokens, colours)
        box = axes.get_position()
        low, high = axes.get_xlim()
        frames.append(Frame(box.x0, 1 - box.y1, box.width, box.height, low, high))
    canvas.draw()
    wide, tall = canvas.get_width_height(physical=True)
    data = bytes(canvas.buffer_rgba())
    image = QImage(data, wide, tall, 4 * wide, QImage.Format.Format_RGBA8888).copy()
    image.setDevicePixelRatio(ratio)
    return Picture(image, tuple(frames), panels)


def _space(gap: float, count: int, room: float) -> float:
    """The gap between axes as a share of one of them, as matplotlib wants it."""
    if count < 2:
        return 0.0
    one = max(0.05, (room - gap * (count - 1)) / count)
    return gap / one


def _panel(
    axes: Any,
    panel: Panel,
    parts: tuple[int, ...],
    total: int,
    tokens: Theme,
    colours: NDArray[np.uint8],
) -> None:
    small = {"fontsize": 7.5, "color": tokens.muted}
    axes.set_facecolor(tokens.panel)
    axes.set_title(panel.title, loc="left", fontsize=9, color=tokens.text, pad=5)
    last = 1.0
    for curve in panel.curves:
        colour = "#" + colours[curve.colour % len(colours)].tobytes().hex()
        shown = smoothed(curve.y) if curve.smooth and len(curve.y) > 20 else curve.y
        if shown is not curve.y:
            axes.plot(curve.x, curve.y, color=colour, linewidth=0.6, alpha=0.3)
        marker = "o" if len(curve.x) < 30 and not curve.smooth else None
        axes.plot(curve.x, shown, color=colour, linewidth=1.5, marker=marker, markersize=3,
                  label=curve.label)  # fmt: skip
        if len(curve.x):
            last = max(last, float(curve.x[-1]))
    for name, level in panel.lines:
        axes.axhline(level, color=tokens.muted, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.annotate(
            name, (0.995, level), xycoords=("axes fraction", "data"), ha="right", va="bottom",
            fontsize=7, color=tokens.muted,
        )  # fmt: skip
    for part in parts:
        axes.axvline(part, color=tokens.border, linewidth=0.9)
    axes.set_xlim(0, max(last, total))
    if panel.low is not None or panel.high is not None:
        axes.set_ylim(panel.low, panel.high)
    axes.grid(True, axis="y", color=tokens.border, linewidth=0.5)
    axes.tick_params(colors=tokens.muted, labelsize=7.5, length=0)
    axes.locator_params(axis="x", nbins=5, integer=True)
    axes.locator_params(axis="y", nbins=5)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(tokens.border)
    if len(panel.curves) > 1 or (panel.curves and panel.curves[0].label != panel.title):
        legend = axes.legend(
            loc="best", fontsize=7.5, frameon=True, framealpha=0.75, borderpad=0.3,
            handlelength=1.4, labelspacing=0.25, labelcolor=tokens.text,
        )  # fmt: skip
        legend.get_frame().set_facecolor(tokens.panel)
        legend.get_frame().set_edgecolor("none")
    if not panel.curves:
        axes.text(0.5, 0.5, "…", transform=axes.transAxes, ha="center", **small)

"""The identification plate of a category: prototypes, typical and border photos, to print."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.prototypes import Prototype
from fgvc_studio.services import prototypes_compare
from fgvc_studio.services.prototypes_open import Opened

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".pdf", ".png", ".svg")
TITLES = {
    "support": "Support: what tells it from its look-alikes",
    "trivial": "Trivial: what is typical of it",
}
TYPICAL, BORDER = "Typical photos", "Photos at the border of the next"
PHOTOS = 4
A4 = (8.27, 11.69)
_SIDE = 700
_DPI = 200
_CONTEXT = 0.6
"""Of the patch's size: what is shown around it."""
_INK, _QUIET, _OFF, _LINE = "#1b1e23", "#5c6470", "#b3261e", "#e69f00"


def plate(opened: Opened, table: list[Prototype], category_id: int, out: Path) -> Path:
    """Draw the plate of a category; PDF, PNG or SVG by the suffix.

    Raises
    ------
    UserError
        Another suffix, a category that the model does not know, or a place that cannot be written.
    """
    out = Path(out)
    if out.suffix.lower() not in SUFFIXES:
        raise UserError(
            f"A plate cannot be written as {out.suffix or 'a file without suffix'}.",
            f"Use {', '.join(SUFFIXES)}.",
        )
    mine = [p for p in table if p.category_id == category_id]
    if not mine:
        name = opened.studio.catalogue.name(category_id) or f"category {category_id}"
        raise UserError(
            f"{opened.name} does not know {name}.", "Choose a category that it was trained on."
        )
    off = [p.id for p in table if p.forbidden]
    figure = _figure(opened, mine, category_id, off)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        facts = {"Title": f"Plate of {opened.studio.catalogue.name(category_id)}"}
        figure.savefig(out, dpi=_DPI, metadata=facts)
    except OSError as error:
        raise UserError(
            f"{out} cannot be written: {error.strerror}.", "Choose another place."
        ) from error
    return out


def _figure(opened: Opened, mine: list[Prototype], category_id: int, off: list[int]) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=A4, facecolor="white")
    FigureCanvasAgg(figure)
    catalogue = opened.studio.catalogue
    category = catalogue.categories.get(category_id)
    author = f"  {category.authorship}" if category and category.authorship else ""
    figure.text(
        0.06, 0.962, catalogue.name(category_id) + author, size=19, style="italic", color=_INK
    )
    figure.text(0.06, 0.942, _subtitle(opened, category_id), size=8, color=_QUIET)
    ordered = sorted(mine, key=lambda p: (p.forbidden, -np.nan_to_num(p.relevance)))
    for side, branch in enumerate(("support", "trivial")):
        left = 0.06 + side * 0.46
        figure.text(left, 0.918, TITLES[branch], size=10.5, weight="bold", color=_INK)
        shown = [p for p in ordered if p.branch == branch]
        height = 0.68 / max(len(shown), 4)
        for number, prototype in enumerate(shown):
            _row(figure, opened, prototype, left, 0.905 - (number + 1) * height, height)
    strips = prototypes_compare.standing(opened, category_id, off, PHOTOS)
    for side, (title, photos) in enumerate(zip((TYPICAL, BORDER), strips, strict=True)):
        if photos:
            _strip(figure, opened, title, photos, 0.06 + side * 0.46)
    figure.text(0.06, 0.018, _footer(opened), size=6.5, color=_QUIET)
    return figure


def _row(
    figure: Any, opened: Opened, prototype: Prototype, left: float, bottom: float, height: float
) -> None:
    """The whole image with the patch outlined, the patch itself, and its facts."""
    picture, scale, at = shown_picture(opened, prototype.source.item_id)
    found = outline(opened, prototype)
    whole = figure.add_axes((left, bottom + 0.012, 0.2, 0.92 * height - 0.012))
    whole.imshow(picture)
    x, y = ((found - at) * scale).T
    whole.plot(x, y, color="white", linewidth=2.6)
    whole.plot(x, y, color=_LINE, linewidth=1.3)
    box = prototype.source.box
    part = figure.add_axes((left + 0.205, bottom + 0.3 * height, 0.11, 0.62 * height))
    part.imshow(_detail(picture, scale, at, box))
    for axes in (whole, part):
        axes.set_axis_off()
        axes.set_anchor("NW")
    colour = _OFF if prototype.forbidden else _INK
    figure.text(
        left + 0.32, bottom + 0.92 * height, f"No. {prototype.id}", size=8.5, weight="bold",
        color=colour, va="top",
    )  # fmt: skip
    figure.text(
        left + 0.32, bottom + 0.78 * height, "\n".join(_facts(opened, prototype)), size=6.4,
        color=colour, va="top", linespacing=1.35,
    )  # fmt: skip


def _strip(
    figure: Any, opened: Opened, title: str, photos: list[prototypes_compare.Stand], left: float
) -> None:
    """Photos side by side, each with its number, its lead and the name that comes next."""
    figure.text(left, 0.19, title, size=10.5, weight="bold", color=_INK)
    for number, stand in enumerate(photos):
        at = left + number * 0.107
        axes = figure.add_axes((at, 0.1, 0.1, 0.08))
        axes.imshow(shown_picture(opened, stand.item_id)[0])
        axes.set_axis_off()
        axes.set_anchor("SW")
        name = opened.studio.catalogue.short_name(stand.rival)
        lines = (f"item {stand.item_id}", f"lead {stand.lead:+.1f}", f"next {name}")
        figure.text(at, 0.095, "\n".join(lines), size=6.4, color=_INK, va="top", linespacing=1.35)


def _facts(opened: Opened, prototype: Prototype) -> list[str]:
    lines = [f"item {prototype.source.item_id}", f"weight {prototype.weight:.2f}"]
    if prototype.relevance == prototype.relevance:
        lines.append(f"relevance {prototype.relevance:.2f}")
    if prototype.purity == prototype.purity:
        lines.append(f"purity {prototype.purity:.2f}")
    if prototype.suspicion == prototype.suspicion:
        lines.append(f"suspicion {prototype.suspicion:.2f}")
    others = _rivals(opened, prototype)
    if others:
        lines.append("against\n  " + others)
    if prototype.verdict:
        lines.append(f"judged: {prototype.verdict}")
    if prototype.forbidden:
        lines.append("FORBIDDEN" + (f":\n{prototype.reason[:40]}" if prototype.reason else ""))
    return lines


def _rivals(opened: Opened, prototype: Prototype) -> str:
    """The category that a support prototype speaks against most."""
    if prototype.branch != "support":
        return ""
    column = opened.bundle.weights[:, prototype.id]
    lowest = int(column.argmin())
    if column[lowest] >= 0 or np.isclose(column, column[lowest]).sum() > 1:
        return ""
    return opened.studio.catalogue.short_name(int(opened.bundle.category_ids[lowest]))


def outline(opened: Opened, prototype: Prototype) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The contour of the source patch; its box when the item cannot be looked at any more."""
    from fgvc_studio.services import prototypes_evidence

    try:
        found = prototypes_evidence.localise(opened, prototype.id, prototype.source.item_id)
        return found.contour
    except UserError:
        b = prototype.source.box
        right, bottom = b.x + b.width, b.y + b.height
        return np.array([[b.x, b.y], [right, b.y], [right, bottom], [b.x, bottom], [b.x, b.y]])


def shown_picture(
    opened: Opened, item_id: int
) -> tuple[Image.Image, float, np.ndarray[Any, np.dtype[np.float64]]]:
    """An item's picture of moderate size, pixels of it per pixel of the image, and its corner.

    A grey picture stands for one that cannot be read.
    """
    from PIL import Image

    frame = opened.frames([item_id])[0]
    corner = np.array([frame.left, frame.top], np.float64)
    try:
        picture = opened.picture(item_id)
    except UserError:
        picture = Image.new("RGB", (frame.width, frame.height), (200, 200, 200))
    scale = min(1.0, _SIDE / max(picture.size))
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0), scale, corner


def _detail(picture: Image.Image, scale: float, corner: Any, box: Any) -> Image.Image:
    """The patch with some of its surroundings."""
    x, y = (box.x - corner[0]) * scale, (box.y - corner[1]) * scale
    w, h = box.width * scale, box.height * scale
    side = max(w, h, 8.0) * (1 + _CONTEXT)
    left, top = x + w / 2 - side / 2, y + h / 2 - side / 2
    left = min(max(0.0, left), max(0.0, picture.width - side))
    top = min(max(0.0, top), max(0.0, picture.height - side))
    return picture.crop((int(left), int(top), int(left + side), int(top + side)))


def _subtitle(opened: Opened, category_id: int) -> str:
    catalogue = opened.studio.catalogue
    counts = catalogue.counts().get(category_id)
    named = f"{counts.own:,} labelled items" if counts else ""
    made = time.strftime("%Y-%m-%d", time.localtime(opened.run.created))
    return f"{catalogue.path_name(category_id)}   {named}   model {opened.name} of {made}"


def _footer(opened: Opened) -> str:
    return (
        f"{opened.studio.store.name}. Every prototype is a patch of the training image shown. "
        f"Weights: {opened.bundle.model[:16]}.\nThe network sees more than the outlined region: "
        "its receptive field is larger than the patch."
    )

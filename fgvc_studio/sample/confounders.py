"""Things beside the moth: a pin, a paper label with tiny writing, a scale bar."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

PAPER, GLASS, CARD = (243, 238, 222), (176, 24, 30), (250, 250, 248)
"""Usual colours of a label, of a loose pin's head, and of a scale bar's card."""
PLACES = ("Ostrava-Nord", "Kaltenbrunn", "Vallombrina", "Lac des Aulnes", "Hohe Leite", "Mirnava")


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def paper_label(
    rng: np.random.Generator, unit: float, paper: tuple[int, int, int] = PAPER
) -> Image.Image:
    """A collection label, RGBA, about ``unit`` pixels wide, turned a little."""
    width = int(unit * rng.uniform(0.75, 0.95))
    height = int(width * rng.uniform(0.48, 0.62))
    tone = rng.uniform(-10, 6)
    big = Image.new("RGBA", (width * 3, height * 3), _rgba(paper, tone))
    draw = ImageDraw.Draw(big)
    draw.rectangle((0, 0, width * 3 - 1, height * 3 - 1), outline=(120, 112, 98, 255), width=3)
    lines = (
        PLACES[int(rng.integers(len(PLACES)))],
        f"{rng.integers(1, 29)}.{('v', 'vi', 'vii', 'viii')[int(rng.integers(4))]}."
        f"{rng.integers(1931, 2024)}  {rng.integers(120, 1900)} m",
        f"leg. {'ABDEHKLMRSTW'[int(rng.integers(12))]}. {_word(rng)}",
        f"No. {rng.integers(1000, 99999)}",
    )
    size = max(8, int(height * 3 / 5.2))
    for k, text in enumerate(lines):
        draw.text((9, 4 + k * height * 3 / 4.2), text, fill=(45, 42, 48, 255), font=_font(size))
    turned = big.rotate(
        float(rng.normal(0, 5)), expand=True, resample=Image.Resampling.BICUBIC,
        fillcolor=(200, 195, 180, 0),
    )  # fmt: skip
    return turned.reduce(3)


def scale_bar(
    rng: np.random.Generator, pixels_per_mm: float, card_colour: tuple[int, int, int] = CARD
) -> Image.Image:
    """A chequered 10 mm bar with its legend on a white card, RGBA."""
    length = max(20, round(10 * pixels_per_mm))
    height = max(18, length // 3)
    card = Image.new("RGBA", ((length + 12) * 2, (height + 4) * 2), (*card_colour, 255))
    draw = ImageDraw.Draw(card)
    step = length * 2 / 5
    for k in range(5):
        ink = (15, 15, 15, 255) if k % 2 == 0 else (*CARD, 255)
        draw.rectangle((12 + k * step, 8, 12 + (k + 1) * step, 16), fill=ink, outline=(15, 15, 15))
    font = _font(max(9, height))
    draw.text((12, 18), "10 mm" if rng.random() < 0.7 else "1 cm", fill=(15, 15, 15), font=font)
    return card.reduce(2)


def draw_pin(picture: Image.Image, x: float, y: float, unit: float, lean: float) -> None:
    """An insect pin's head with its shaft's shadow, on an oversampled RGBA picture."""
    draw = ImageDraw.Draw(picture)
    r = max(3.0, unit * 0.022)
    dx, dy = lean * unit * 0.16, unit * 0.05
    draw.line((x, y, x + dx, y + dy), fill=(25, 22, 20, 210), width=max(2, round(r * 0.5)))
    hx, hy = x + dx, y + dy
    draw.ellipse((hx - r, hy - r, hx + r, hy + r), fill=(28, 27, 30, 255))
    draw.ellipse((hx - r * 0.5, hy - r * 0.6, hx, hy - r * 0.1), fill=(200, 200, 205, 255))


def loose_pin(
    rng: np.random.Generator, unit: float, glass: tuple[int, int, int] = GLASS
) -> Image.Image:
    """A pin with a glass head that lies on the ground, RGBA, as wide as it is turned."""
    length, head = max(24, round(unit * 0.55)), max(4, round(unit * 0.055))
    side = (length + 4 * head) * 2
    big = Image.new("RGBA", (side, 6 * head), (0, 0, 0, 0))
    draw = ImageDraw.Draw(big)
    middle = 3 * head
    draw.line((2 * head, middle, side - 2 * head, middle), fill=(58, 58, 64, 255), width=4)
    draw.ellipse((0, middle - 2 * head, 4 * head, middle + 2 * head), fill=(*glass, 255))
    draw.ellipse((head, middle - head, 2 * head, middle), fill=(250, 190, 188, 255))
    turned = big.rotate(
        float(rng.uniform(-40, 40)), expand=True, resample=Image.Resampling.BICUBIC,
        fillcolor=(0, 0, 0, 0),
    )  # fmt: skip
    return turned.reduce(2)


def _word(rng: np.random.Generator) -> str:
    syllables = ("ber", "lan", "mor", "veld", "ka", "ris", "ton", "hel", "dra", "mi")
    return "".join(syllables[int(k)] for k in rng.integers(0, len(syllables), 2)).capitalize()


def _rgba(colour: tuple[int, int, int], by: float) -> tuple[int, int, int, int]:
    r, g, b = (int(min(255, max(0, c + by))) for c in colour)
    return (r, g, b, 255)

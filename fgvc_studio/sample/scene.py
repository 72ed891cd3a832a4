"""A photograph: a moth in a varied pose on a background, with light, camera and confounders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from fgvc_studio.sample.backgrounds import background
from fgvc_studio.sample.confounders import draw_pin, loose_pin, paper_label, scale_bar
from fgvc_studio.sample.pattern import Individual
from fgvc_studio.sample.render import OVERSAMPLING, Moth, Pose, draw_moth
from fgvc_studio.sample.species import GENERA
from fgvc_studio.sample.texture import Floats, clouds, grain
from fgvc_studio.sample.traits import Species


@dataclass(frozen=True, slots=True)
class Setting:
    """What the station and the day decide before the camera clicks.

    Attributes
    ----------
    ground : str
        One of `backgrounds.BACKGROUNDS`.
    sitting : bool
        Alive, wings half drawn back; otherwise a set specimen.
    pin, loose_pin : bool
        Through the thorax; lying beside the moth.
    """

    ground: str
    sitting: bool
    label: bool = False
    pin: bool = False
    scale_bar: bool = False
    warmth: float = 0.0
    loose_pin: bool = False


@dataclass(frozen=True, slots=True)
class Photo:
    """A finished picture with what is known of it."""

    image: Image.Image
    moth: Moth
    pose: Pose
    setting: Setting
    confounder_boxes: dict[str, tuple[float, float, float, float]]


def photograph(species: Species, setting: Setting, seed: int) -> Photo:
    """Draw one photo of a species; the same seed gives the same pixels."""
    rng = np.random.default_rng([seed, 5])
    one = _individual(seed, rng, sitting=setting.sitting)
    pose = _pose(species, rng, setting)
    moth = draw_moth(species, one, pose)
    boxes: dict[str, tuple[float, float, float, float]] = {}
    width, height = pose.size
    canvas = background(setting.ground, rng, width, height).copy()
    sun = rng.uniform(-2.6, -0.5)
    if setting.pin:
        x, y, _ = moth.points["thorax"]
        lean = float(np.clip(rng.normal(0, 0.5), -1, 1))
        draw_pin(moth.picture, x * OVERSAMPLING, y * OVERSAMPLING, pose.unit * OVERSAMPLING, lean)
        boxes["pin"] = (round(x - 6, 1), round(y - 6, 1), 12.0, 12.0)
    if setting.label:
        boxes["label"] = _lay(canvas, paper_label(rng, pose.unit), rng, sun, low=True)
    if setting.scale_bar:
        mm = pose.unit * 2.05 / GENERA[species.genus].habitus.wingspan_mm
        bar = scale_bar(rng, max(mm, 2.2))
        boxes["scale_bar"] = _lay(
            canvas, bar, rng, sun, low=not setting.label and rng.random() < 0.5
        )
    if setting.loose_pin:
        boxes["loose_pin"] = _lay(canvas, loose_pin(rng, pose.unit), rng, sun, low=True)
    small = np.asarray(moth.picture.reduce(OVERSAMPLING), np.float32) / 255
    lifted = 0.035 if setting.sitting else rng.uniform(0.03, 0.09)
    _cast_shadow(canvas, small[..., 3], sun, lifted * pose.unit)
    alpha = small[..., 3:]
    canvas += (small[..., :3] * rng.normal(1.0, 0.04) - canvas) * alpha
    return Photo(_camera(canvas, rng, setting), moth, pose, setting, boxes)


def _individual(seed: int, rng: np.random.Generator, *, sitting: bool) -> Individual:
    light, warm = rng.normal(0, 0.026), rng.normal(0, 0.014)
    wear = float(np.clip(rng.beta(1.1, 5.5) + (0.05 if sitting else 0.0), 0, 0.85))
    return Individual(
        seed=seed,
        tint=(light + warm, light, light - warm),
        contrast=float(np.clip(rng.normal(1.08, 0.12), 0.75, 1.4)),
        melanism=float(max(0.0, rng.normal(-0.12, 0.16))) * 0.5,
        reach=float(rng.normal(0, 0.016)),
        scale=float(np.clip(rng.normal(1.0, 0.06), 0.82, 1.125)),
        wear=wear,
    )


def _pose(species: Species, rng: np.random.Generator, setting: Setting) -> Pose:
    width = int(rng.integers(300, 345))
    height = int(width * rng.uniform(0.88, 1.0)) if not setting.sitting else width
    unit = width * float(np.clip(rng.normal(0.428, 0.018), 0.37, 0.455))
    if setting.sitting:
        rotation, rest = rng.normal(0, 18), float(np.clip(rng.normal(0.55, 0.25), 0.0, 1.0))
        lifts, tilts = rng.normal(0, 3.0, 4), rng.uniform(0.92, 1.0, 2)
        unit *= rng.uniform(0.92, 1.04)
    else:
        rotation, rest = rng.normal(0, 6), float(np.clip(rng.normal(0, 0.08), -0.1, 0.2))
        lifts, tilts = rng.normal(0, 2.6, 4), rng.uniform(0.95, 1.0, 2)
    torn = rng.random(4) < (0.16 if setting.sitting else 0.09)
    tears = [int(t) * int(rng.integers(1, 3)) for t in torn]
    centre = (
        width * 0.5 + rng.normal(0, 5),
        height * (0.46 if not setting.sitting else 0.5) - setting.label * height * 0.07,
    )
    return Pose(
        size=(width, height),
        centre=(float(centre[0]), float(centre[1] + rng.normal(0, 5))),
        unit=float(unit),
        rotation=float(rotation),
        rest=rest,
        lifts=(float(lifts[0]), float(lifts[1]), float(lifts[2]), float(lifts[3])),
        tilts=(float(tilts[0]), float(tilts[1])),
        tears=(tears[0], tears[1], tears[2], tears[3]),
        underside=bool(not setting.sitting and rng.random() < 0.02),
    )


def _lay(
    canvas: Floats, thing: Image.Image, rng: np.random.Generator, sun: float, *, low: bool
) -> tuple[float, float, float, float]:
    """Lay a paper thing near the lower or upper edge with its shadow; returns its box."""
    height, width = canvas.shape[:2]
    w, h = min(thing.width, width - 6), min(thing.height, height // 2)
    x = int(rng.integers(3, max(4, width - w - 3)))
    y = height - h - int(rng.integers(2, 9)) if low else int(rng.integers(2, 9))
    pixels = np.asarray(thing.crop((0, 0, w, h)), np.float32) / 255
    cover = np.zeros((height, width), np.float32)
    cover[y : y + h, x : x + w] = pixels[..., 3]
    _cast_shadow(canvas, cover, sun, 2.5)
    canvas[y : y + h, x : x + w] += (pixels[..., :3] - canvas[y : y + h, x : x + w]) * pixels[
        ..., 3:
    ]
    return (float(x), float(y), float(w), float(h))


def _cast_shadow(canvas: Floats, cover: Floats, sun: float, reach: float) -> None:
    """Darken the ground beside what lies on it: a soft far shadow and a dark contact one."""
    height, width = cover.shape
    picture = Image.fromarray((cover * 255).astype(np.uint8))
    dx, dy = -np.cos(sun) * reach, -np.sin(sun) * reach
    light = np.ones((height, width), np.float32)
    for stretch, blur, depth in ((1.0, reach * 0.55 + 1.0, 0.42), (0.3, 1.2, 0.30)):
        moved = Image.new("L", (width, height))
        moved.paste(picture, (round(dx * stretch), round(dy * stretch)))
        soft = moved.reduce(2).filter(ImageFilter.GaussianBlur(blur / 2)).resize((width, height))
        light *= 1 - np.asarray(soft, np.float32) * np.float32(depth / 255)
    for band in range(3):
        canvas[..., band] *= light


def _camera(canvas: Floats, rng: np.random.Generator, setting: Setting) -> Image.Image:
    """Uneven light, white balance, exposure, defocus and sensor noise."""
    height, width = canvas.shape[:2]
    turn = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    slope = rng.uniform(0.0, 0.16) * (x * np.cos(turn) + y * np.sin(turn))
    light = 1 + slope - rng.uniform(0.02, 0.14) * (x * x + y * y) / 2
    light += 0.02 * clouds(rng, height, width, 2, 2)
    warm = setting.warmth + rng.normal(0, 0.022)
    balance = np.array([1 + warm, 1 + rng.normal(0, 0.012), 1 - warm], np.float32)
    exposure = float(np.clip(rng.normal(1.0, 0.06), 0.82, 1.12))
    for band in range(3):
        canvas[..., band] *= light * np.float32(balance[band] * exposure)
    gamma = float(np.clip(rng.normal(1.0, 0.05), 0.85, 1.18))
    image = Image.fromarray((np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8))
    image = image.point([round(255 * (k / 255) ** gamma) for k in range(256)] * 3)
    blur = float(np.clip(rng.gamma(1.1, 0.20), 0, 1.2))
    if blur > 0.25:
        image = image.filter(ImageFilter.GaussianBlur(blur * 0.8))
    noise = 255 * float(rng.gamma(1.5, 0.006))
    pixels = np.asarray(image).astype(np.float32)
    shared = grain(rng, height, width)
    for band in range(3):
        pixels[..., band] += noise * shared + 0.5 * noise * grain(rng, height, width)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))

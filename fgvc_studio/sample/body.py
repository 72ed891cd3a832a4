"""Body, antennae and legs: drawn hair by hair in body coordinates.

Body coordinates: the origin between the forewing bases, x to the moth's right, y towards the
tail, one unit a forewing length.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from fgvc_studio.sample.traits import Colour, Habitus

Points = NDArray[np.float64]
Place = Callable[[Points], Points]


def head_centre(build: Habitus) -> Points:
    """Centre of the head."""
    return np.array([0.0, -build.thorax[1] * 0.42 - build.head * 0.35])


def abdomen_tip(build: Habitus) -> Points:
    """End of the abdomen."""
    return np.array([0.0, build.thorax[1] * 0.30 + build.abdomen[1] * 0.96])


def draw_abdomen(
    draw: ImageDraw.ImageDraw, place: Place, build: Habitus, tint: Colour, rng: np.random.Generator
) -> None:
    """Tapering abdomen with its segments, bands and side tufts."""
    width, length = build.abdomen
    top = build.thorax[1] * 0.30
    t = np.linspace(0, 1, 30)
    half = width * 0.5 * _taper(t)
    outline = np.concatenate(
        [np.stack([half, top + t * length], 1), np.stack([-half, top + t * length], 1)[::-1]]
    )
    ground = np.asarray(build.abdomen_colour) + np.asarray(tint)
    _polygon(draw, place(outline), ground * 0.72)
    count = 620
    t = np.sort(rng.uniform(0, 1.0, count))
    across = rng.uniform(-1, 1, count)
    root = np.stack([across * width * 0.5 * _taper(t), top + t * length], 1)
    segment = (t * 7.0) % 1.0
    light = _round_light(across) * (0.80 + 0.30 * np.sin(segment * np.pi))
    colours = ground * light[:, None]
    if build.banded is not None:
        side = (np.abs(across) > 0.30) & (segment < 0.62)
        banded = np.asarray(build.banded) + np.asarray(tint) * 0.5
        colours[side] = banded * light[side, None]
        ring = (segment > 0.72) & (np.abs(across) > 0.30)
        colours[ring] *= 0.35
        colours[np.abs(across) < 0.09] *= 0.55
    colours = colours * rng.normal(1, 0.09, (count, 1))
    way = np.stack([across * 0.010 + rng.normal(0, 0.004, count), np.full(count, 0.036)], 1)
    way[t > 0.93] *= 0.8
    _hairs(draw, place, root, way, colours)


def draw_thorax(
    draw: ImageDraw.ImageDraw, place: Place, build: Habitus, tint: Colour, rng: np.random.Generator
) -> None:
    """Furry thorax with collar and tegulae, and the head with its eyes."""
    width, length = build.thorax
    fur = np.asarray(build.fur) + np.asarray(tint)
    pale = np.asarray(build.fur_pale) + np.asarray(tint)
    angle = np.linspace(0, 2 * np.pi, 40)
    oval = np.stack([np.sin(angle) * width * 0.53, -np.cos(angle) * length * 0.52], 1)
    _polygon(draw, place(oval), fur * 0.75)
    _head(draw, place, build, fur, rng)
    count = 900
    radius, turn = np.sqrt(rng.uniform(0, 1, count)), rng.uniform(0, 2 * np.pi, count)
    x, y = radius * np.sin(turn), -radius * np.cos(turn)
    order = np.argsort(-radius + 0.4 * y)
    x, y = x[order], y[order]
    root = np.stack([x * width * 0.5, y * length * 0.5], 1)
    light = _round_light(x) * rng.normal(1, 0.13, count)
    colours = np.where(rng.uniform(size=count)[:, None] < 0.32, pale, fur) * light[:, None]
    tegula = (np.abs(np.abs(x) - 0.55) < 0.10) & (np.abs(y) < 0.55)
    colours[tegula] *= 1 - 0.45 * build.tegula
    collar = np.abs(y + 0.62) < 0.10
    colours[collar] = pale * light[collar, None] * 0.95
    colours[(np.abs(y + 0.47) < 0.045)] *= 1 - 0.5 * build.tegula
    way = np.stack([x * 0.030 + rng.normal(0, 0.008, count), 0.030 + y * 0.028], 1)
    _hairs(draw, place, root, way, colours)


def _head(
    draw: ImageDraw.ImageDraw, place: Place, build: Habitus, fur: Points, rng: np.random.Generator
) -> None:
    centre = head_centre(build)
    size = build.head
    for side in (-1, 1):
        eye = centre + np.array([side * size * 0.50, -size * 0.10])
        angle = np.linspace(0, 2 * np.pi, 18)
        ball = np.stack([np.sin(angle), np.cos(angle)], 1) * size * 0.30
        _polygon(draw, place(eye + ball), np.array([0.10, 0.075, 0.06]))
        _polygon(
            draw, place(eye + ball * 0.3 + [-0.06 * size, -0.1 * size]), np.array([0.5, 0.47, 0.42])
        )
    count = 190
    root = centre + rng.normal(0, 0.21, (count, 2)) * size
    way = (root - centre) * 0.45 + [0, 0.012]
    light = rng.normal(1.05, 0.16, (count, 1))
    _hairs(draw, place, root, way, fur * light)


def draw_antennae(
    draw: ImageDraw.ImageDraw,
    place: Place,
    build: Habitus,
    spread: float,
    unit: float,
    rng: np.random.Generator,
) -> None:
    """Two antennae: ``feathered``, ``thread`` or ``clubbed``.

    Parameters
    ----------
    spread : float
        Degrees between an antenna and the body axis.
    unit : float
        Pixels per forewing length, for the thickness.
    """
    colour = np.asarray(build.fur) * 0.62
    base = head_centre(build) + np.array([0, -build.head * 0.25])
    for side in (-1, 1):
        lean = np.radians(spread + rng.normal(0, 7))
        curl = rng.uniform(0.10, 0.45)
        t = np.linspace(0, 1, 34)
        heading = lean + curl * t**1.3 * (1 if build.antenna != "feathered" else 1.3)
        step = build.antenna_length / len(t)
        steps = np.stack([np.sin(heading) * side, -np.cos(heading)], 1) * step
        path = base + np.array([side * build.head * 0.2, 0]) + np.cumsum(steps, 0)
        if build.antenna == "feathered":
            combs = 0.052 * np.sin(np.clip(t * 1.02, 0, 1) * np.pi) ** 0.55
            for k in range(1, len(t)):
                along = steps[k] / step
                for edge in (-1, 1):
                    out = np.array([-along[1], along[0]]) * edge * combs[k] + along * combs[k] * 0.5
                    line = place(np.stack([path[k], path[k] + out]))
                    draw.line([tuple(p) for p in line], fill=_ink(colour * 1.25), width=1)
        points = [tuple(p) for p in place(path)]
        if build.antenna == "clubbed":
            for k in range(len(points) - 1):
                thick = unit * (0.010 + 0.012 * np.sin(t[k] * np.pi * 0.85))
                shade = colour * (1.2 if k % 2 else 1.5)
                draw.line(points[k : k + 2], fill=_ink(shade), width=max(1, round(thick)))
        else:
            draw.line(points, fill=_ink(colour), width=max(1, round(unit * 0.0085)))


def draw_legs(
    draw: ImageDraw.ImageDraw, place: Place, build: Habitus, unit: float, rng: np.random.Generator
) -> None:
    """The two forelegs of a sitting moth, which show beside the head."""
    colour = np.asarray(build.fur) * 0.7
    for side in (-1, 1):
        hip = np.array([side * build.thorax[0] * 0.35, -build.thorax[1] * 0.25])
        knee = hip + np.array([side * 0.085 + rng.normal(0, 0.01), -0.055])
        foot = knee + np.array([side * rng.uniform(-0.02, 0.03), -0.11])
        points = [tuple(p) for p in place(np.stack([hip, knee, foot]))]
        draw.line(points[:2], fill=_ink(colour), width=max(2, round(unit * 0.020)), joint="curve")
        draw.line(points[1:], fill=_ink(colour * 1.2), width=max(1, round(unit * 0.011)))


def _taper(t: Points) -> Points:
    return np.sqrt(np.clip(1.02 - t**2.6, 0.02, 1)) * (0.92 + 0.22 * t - 0.42 * t**2)


def _round_light(across: Points) -> Points:
    """Light on a cylinder lit from the upper left."""
    return 1.10 - 0.42 * (across + 0.22) ** 2


def _ink(colour: Points) -> tuple[int, int, int, int]:
    r, g, b = (int(c) for c in np.clip(colour * 255, 4, 250))
    return (r, g, b, 255)


def _polygon(draw: ImageDraw.ImageDraw, points: Points, colour: Points) -> None:
    draw.polygon([tuple(p) for p in points], fill=_ink(colour))


def _hairs(
    draw: ImageDraw.ImageDraw, place: Place, root: Points, way: Points, colours: Points
) -> None:
    ends = np.concatenate([place(root), place(root + way)], axis=1).tolist()
    inks = np.clip(colours * 255, 4, 250).astype(int).tolist()
    for end, (r, g, b) in zip(ends, inks, strict=True):
        draw.line(end, fill=(r, g, b, 255), width=2)

"""Painting a wing: ground, lines, spots, eyes, margin, fringe and scales in wing coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fgvc_studio.sample.anatomy import FRINGE, SCALE, WingMap, position
from fgvc_studio.sample.texture import (
    Floats,
    bump,
    clouds,
    fibres,
    grain,
    mix,
    shift,
    smoothstep,
)
from fgvc_studio.sample.traits import Colour, Line, Spot, WingPattern

_VEINS = (0.07, 0.16, 0.26, 0.37, 0.49, 0.61, 0.73, 0.85)


@dataclass(frozen=True, slots=True)
class Individual:
    """How one moth varies around its species, the same on both sides.

    Attributes
    ----------
    seed : int
        Of the noise that both sides share.
    tint : tuple of float
        Added to every colour: the light and dark, warm and cool forms.
    contrast : float
        Strength of the markings, about 1.
    melanism : float
        0..1, darkening of the ground.
    reach : float
        Moves lines and spots along the wing, about 0.
    wear : float
        0 fresh .. 1 worn: pale, scales rubbed off, fringe gone.
    """

    seed: int
    tint: Colour
    contrast: float
    melanism: float
    reach: float
    scale: float
    wear: float


def paint_pattern(
    pattern: WingPattern, grid: WingMap, one: Individual, *, underside: bool = False
) -> Floats:
    """Paint what both wings of a pair share, without fringe and scales.

    Returns a planar (3, H, W) picture, 0..1.
    """
    rng = np.random.default_rng([one.seed, 1])
    h, w = grid.u.shape
    u, v = grid.u, grid.v
    u = u + 0.012 * clouds(rng, h, w, 3, 4) - one.reach * u * (1 - np.clip(u, 0, 1)) * 4
    dark = shift(pattern.dark, np.asarray(one.tint) * 0.4)
    pale = shift(pattern.pale, one.tint)
    faint = 0.45 if underside else 1.0
    strength = one.contrast * faint

    image = np.empty((3, h, w), np.float32)
    image[:] = np.array(shift(pattern.ground, one.tint)).reshape(3, 1, 1)
    mix(image, shift(pattern.outer, one.tint), smoothstep(0.45, 1.0, u) * 0.9)
    mottle = clouds(rng, h, w, 5, 9) * 0.6 + clouds(rng, h, w, 11, 26) * 0.5
    mix(image, dark, np.clip(mottle * 0.16 * pattern.mottling, 0, 0.5) + 0.5 * one.melanism)
    mix(image, pale, np.clip(-mottle * 0.15 * pattern.mottling, 0, 0.5))
    if pattern.basal is not None and pattern.antemedian is not None:
        inner = smoothstep(0.02, -0.02, u - _line_u(pattern.antemedian, v))
        mix(image, shift(pattern.basal, one.tint), inner * 0.85 * faint)
    _veins(image, pattern, u, v, dark, faint)
    if pattern.streak:
        _streak(image, pattern, u, v, dark, strength)
    for line in (pattern.median, pattern.antemedian, pattern.postmedian, pattern.subterminal):
        if line is not None:
            _line(image, line, u, v, dark, pale, strength)
    if pattern.apical_dash:
        dash = bump(v - 0.03 - (1 - u) * 1.25, 0.03)
        dash *= smoothstep(0.74, 0.80, u) * smoothstep(1.0, 0.95, u)
        mix(image, dark, np.clip(dash * pattern.apical_dash * strength * 0.8, 0, 1))
    if pattern.margin:
        colour = shift(pattern.margin_colour or pattern.outer, one.tint)
        edge = smoothstep(-0.025, 0.025, u - (1 - pattern.margin) + 0.008 * mottle)
        mix(image, colour, edge * 0.85 * faint)
    if pattern.costal_marks:
        ticks = smoothstep(0.2, 0.7, np.cos(u * 2 * np.pi * 8.5)) * smoothstep(0.07, 0.03, v)
        mix(image, dark, ticks * pattern.costal_marks * strength * smoothstep(0.1, 0.2, u))
    if pattern.terminal_dots:
        dots = bump(u - 0.975, 0.016) * _between_veins(v, 0.016)
        mix(image, dark, np.clip(dots * pattern.terminal_dots * strength, 0, 1))
    for spot in pattern.spots:
        _spot(image, spot, grid, one, dark, pale, faint)
    if underside:
        mix(image, shift(pattern.pale, -0.08), np.full_like(u, 0.38))
    return image


def finish_wing(
    image: Floats,
    pattern: WingPattern,
    grid: WingMap,
    one: Individual,
    side: int,
    tears: int = 0,
) -> Floats:
    """Add what is each wing's own: fringe, fine scales, wear, tears in the margin.

    Parameters
    ----------
    image : ndarray (3, H, W) float32
        From `paint_pattern`; left as it is.
    side : int
        Any number that tells the wings of a moth apart.

    Returns
    -------
    ndarray (H, W, 4) float32
        Straight alpha, values 0..1.
    """
    own = np.random.default_rng([one.seed, 2 + side])
    image = image.copy()
    dark = shift(pattern.dark, np.asarray(one.tint) * 0.4)
    pale = shift(pattern.pale, one.tint)
    alpha = _fringe(image, pattern, grid, own, dark, pale, one.wear)
    for _ in range(tears):
        alpha *= _tear(grid, own)
    _scales(image, grid, own, one)
    return np.dstack([*np.clip(image, 0, 1), alpha])


def _tear(grid: WingMap, own: np.random.Generator) -> Floats:
    """A wedge torn out of the outer margin: 0 inside it, 1 elsewhere."""
    h, w = grid.u.shape
    at, depth = own.uniform(0.12, 0.9), own.uniform(0.06, 0.22)
    ragged = grid.u + 0.02 * clouds(own, h, w, 16, 20)
    opening = np.clip((ragged - (1 - depth)) / depth, 0, 1.4) * own.uniform(0.02, 0.07)
    lean = own.uniform(-0.25, 0.25)
    return smoothstep(-0.004, 0.006, np.abs(grid.v - at - lean * (1 - grid.u)) - opening)


def _line_u(line: Line, v: Floats) -> Floats:
    at = line.at + line.bend * (v - line.pivot) ** 2 + line.slant * (v - 0.5)
    if line.waves:
        phase = v * line.waves * 2 * np.pi
        wave = 2 * np.abs(np.sin(phase / 2)) ** 0.8 - 1 if line.sharp else np.sin(phase + 0.6)
        at = at + line.amplitude * wave
    return at


def _line(
    image: Floats, line: Line, u: Floats, v: Floats, dark: Colour, pale: Colour, strength: float
) -> None:
    d = u - _line_u(line, v)
    core = np.clip(bump(d, line.width) * abs(line.strength) * strength, 0, 1)
    mix(image, dark if line.strength > 0 else pale, core)
    if line.pale_side:
        side = 1 if line.pale_side > 0 else -1
        beside = bump(d - side * line.width * 1.9, line.width)
        other = pale if line.strength > 0 else dark
        mix(image, other, np.clip(beside * abs(line.pale_side) * strength, 0, 1))
    if line.strength > 0 and line.width < 0.03:
        inner = smoothstep(-0.09, 0, d) * smoothstep(0.005, 0, d)
        mix(image, dark, inner * 0.10 * strength)


def _between_veins(v: Floats, width: float) -> Floats:
    """Hills halfway between the veins."""
    middles = [(a + b) / 2 for a, b in zip(_VEINS, (*_VEINS[1:], 0.97), strict=True)]
    total = np.zeros_like(v)
    for middle in middles:
        total += bump(v - middle, width * 1.7)
    return total


def _veins(
    image: Floats, pattern: WingPattern, u: Floats, v: Floats, dark: Colour, faint: float
) -> None:
    """Branches from the discal cell to the margin, and the cell's two stems."""
    lines = np.zeros_like(u)
    across = np.clip(u, 0.12, 1)
    for vein in _VEINS:
        stem = 0.20 if vein < 0.4 else 0.58
        at = vein + (stem - vein) * smoothstep(0.62, 0.36, u)
        lines = np.maximum(lines, bump((v - at) * across, 0.0075))
    mix(image, dark, np.clip(lines * pattern.veins * faint, 0, 1))


def _streak(
    image: Floats, pattern: WingPattern, u: Floats, v: Floats, dark: Colour, strength: float
) -> None:
    """The basal streak: a dark dagger from the base along the wing."""
    span = smoothstep(0.03, 0.10, u) * smoothstep(0.58, 0.46, u)
    width = 0.020 + 0.034 * np.clip(1 - u / 0.58, 0, 1)
    dagger = np.exp(-(((v - 0.56) * np.clip(u, 0.15, 1) / width) ** 2)) * span
    mix(image, dark, np.clip(dagger * pattern.streak * 1.25 * strength, 0, 1))


def _spot(
    image: Floats,
    spot: Spot,
    grid: WingMap,
    one: Individual,
    dark: Colour,
    pale: Colour,
    faint: float,
) -> None:
    spot_at = position(grid.shape, np.array(spot.u - one.reach * 0.3), np.array(spot.v))
    x0, y0 = spot_at.tolist()
    size = spot.size * one.scale
    dx, dy = (grid.x - x0) / size, (grid.y - y0) / size
    edge = 1.8 / (SCALE * size)
    tone = shift(spot.tone, np.asarray(one.tint) * 0.6) if spot.tone else pale
    strength = min(1.0, spot.strength * faint * (0.75 + 0.25 * one.contrast))
    r = np.hypot(dx, dy)
    if spot.kind == "eye":
        _eye(image, r, dx, dy, spot, tone, dark, edge, strength)
        return
    if spot.kind == "kidney":
        dx = dx + 0.42 * (dy**2) - 0.2
        r = np.hypot(dx * 1.65, dy * 0.95)
    elif spot.kind == "bar":
        r = np.hypot(dx * 3.2, dy * 0.9)
    elif spot.kind in ("lunule", "comma"):
        bite = np.hypot(dx - 0.55, dy)
        r = np.maximum(r, 1.85 - bite)
    body = smoothstep(1 + edge, 1 - edge, r)
    if spot.kind in ("dot", "bar", "lunule", "comma"):
        mix(image, spot.tone or dark, body * strength)
        return
    mix(image, dark, smoothstep(1.32 + edge, 1.2 - edge, r) * 0.85 * strength)
    mix(image, tone, body * 0.92 * strength)
    core = smoothstep(0.62, 0.25, r)
    mix(image, dark if spot.tone is None else shift(tone, -0.2), core * 0.55 * strength)


def _eye(
    image: Floats,
    r: Floats,
    dx: Floats,
    dy: Floats,
    spot: Spot,
    tone: Colour,
    dark: Colour,
    edge: float,
    strength: float,
) -> None:
    """Concentric rings: dark rim, pale inner rim, iris, pupil and its highlight."""
    ink = shift(dark, -0.08)
    mix(image, ink, smoothstep(1 + edge, 1 - edge, r) * strength)
    mix(image, shift(tone, 0.16), smoothstep(0.87 + edge, 0.87 - edge, r) * strength)
    mix(image, tone, smoothstep(0.75 + edge, 0.70 - edge, r) * strength)
    warm = smoothstep(0.78, spot.pupil, r) * smoothstep(0.80, 0.74, r)
    mix(image, shift(ink, 0.16), warm * 0.45 * strength)
    pupil = min(spot.pupil, 0.72)
    mix(image, (0.05, 0.045, 0.07), smoothstep(pupil + edge, pupil - edge, r) * strength)
    blue = smoothstep(pupil, pupil * 0.5, np.hypot(dx + 0.05, dy)) * smoothstep(0.2, -0.35, dx)
    mix(image, (0.45, 0.50, 0.66), blue * 0.55 * strength)
    glint = smoothstep(0.2, 0.04, np.hypot((dx + pupil * 0.42) * 1.0, (dy + 0.10) * 0.55))
    mix(image, (0.94, 0.95, 0.98), glint * 0.75 * strength)


def _fringe(
    image: Floats,
    pattern: WingPattern,
    grid: WingMap,
    own: np.random.Generator,
    dark: Colour,
    pale: Colour,
    wear: float,
) -> Floats:
    """Paint the fringe beyond the margin and return the wing's alpha with its ragged hem."""
    beyond = smoothstep(0.992, 1.006, grid.u)
    colour = np.asarray(image.mean(axis=(1, 2))) * 0.5 + np.asarray(pale) * 0.5
    mix(image, colour, beyond * 0.85)
    if pattern.fringe:
        chequer = smoothstep(-0.15, 0.15, np.cos(grid.v * pattern.fringe * 2 * np.pi))
        mix(image, pale, beyond * (1 - chequer) * 0.9)
        mix(image, dark, beyond * chequer * 0.9)
    mix(image, dark, bump(grid.u - 0.997, 0.006) * 0.5)
    hairs = grain(own, 1, 400)[0][np.clip(grid.v * 300 + 40, 0, 399).astype(int)]
    patches = clouds(own, 1, 400, 1, 9)[0][np.clip(grid.v * 300 + 40, 0, 399).astype(int)]
    length = FRINGE * (0.92 + 0.10 * hairs - wear * np.clip(0.5 + patches, 0, 1.2))
    hem = smoothstep(0.006, -0.006, grid.u - 1 - np.maximum(length, 0))
    return grid.alpha * np.where(grid.u > 1, hem, 1.0).astype(np.float32)


def _scales(image: Floats, grid: WingMap, own: np.random.Generator, one: Individual) -> None:
    """Fine scales, the sheen along the wing, and wear."""
    h, w = grid.u.shape
    fine = grain(own, h, w)
    along = fibres(own, h, w)
    fold = np.cos((grid.v - 0.15) * 2 * np.pi * 4.2) * smoothstep(0.25, 0.7, grid.u)
    shade = 1.03 - 0.10 * smoothstep(0.25, 0.0, grid.u) + 0.018 * fold
    image *= shade * (1 + 0.050 * fine + 0.050 * along)
    if one.wear > 0.05:
        rubbed = smoothstep(0.9, 2.2, clouds(own, h, w, 7, 10) + 1.6 * one.wear)
        grey = image.mean(axis=0) * 0.55 + 0.33
        weight = (rubbed * 0.55 + 0.15) * one.wear
        image += (grey - image) * weight

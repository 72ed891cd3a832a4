"""One moth as a picture with alpha: wings warped into place, body drawn on top, parts noted."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from fgvc_studio.sample import body
from fgvc_studio.sample.anatomy import SCALE, position, wing_map
from fgvc_studio.sample.pattern import Individual, finish_wing, paint_pattern
from fgvc_studio.sample.species import GENERA
from fgvc_studio.sample.traits import Colour, Habitus, Line, Species, WingPattern, WingShape

OVERSAMPLING = 2
PART_CODES = {
    "forewing_right": 1,
    "forewing_left": 2,
    "hindwing_right": 3,
    "hindwing_left": 4,
    "body": 5,
}
_MASK_STEP = 4


@dataclass(frozen=True, slots=True)
class Pose:
    """Where and how the moth lies.

    Attributes
    ----------
    size : tuple of int
        Width and height of the picture.
    unit : float
        Pixels per forewing length.
    rotation : float
        Degrees, clockwise.
    rest : float
        0 set with spread wings .. 1 sitting with the wings drawn back.
    lifts : tuple of float
        Degrees added to the angle of the wings: fore right, fore left, hind right, hind left.
    tilts : tuple of float
        Foreshortening of the right and left wings, up to 1.
    tears : tuple of int
        Wedges torn out of the wings, in the order of lifts.
    """

    size: tuple[int, int]
    centre: tuple[float, float]
    unit: float
    rotation: float
    rest: float = 0.0
    lifts: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    tilts: tuple[float, float] = (1.0, 1.0)
    tears: tuple[int, int, int, int] = (0, 0, 0, 0)
    underside: bool = False


@dataclass(slots=True)
class Moth:
    """A drawn moth.

    Attributes
    ----------
    picture : Image
        RGBA, oversampled `OVERSAMPLING` times.
    points : dict
        Key point -> (x, y, visible) in pixels of the final picture.
    boxes : dict
        Part -> (x, y, width, height, visible) in pixels of the final picture.
    mask : ndarray (ceil(H / 4), ceil(W / 4)) uint8
        `PART_CODES` of what is on top at every fourth pixel.
    """

    picture: Image.Image
    points: dict[str, tuple[float, float, bool]] = field(default_factory=dict)
    boxes: dict[str, tuple[float, float, float, float, bool]] = field(default_factory=dict)
    mask: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0), np.uint8))


@dataclass(frozen=True, slots=True)
class _Wing:
    """A wing in its place: ``image = matrix @ (x, y, 1)`` of wing coordinates."""

    name: str
    shape: WingShape
    pattern: WingPattern
    matrix: NDArray[np.float64]

    def place(self, points: NDArray) -> NDArray[np.float64]:
        return points @ self.matrix[:, :2].T + self.matrix[:, 2]


def draw_moth(species: Species, one: Individual, pose: Pose) -> Moth:
    """Draw one individual in one pose."""
    build = GENERA[species.genus].habitus
    rng = np.random.default_rng([one.seed, 9])
    canvas = Image.new("RGBA", tuple(OVERSAMPLING * s for s in pose.size), (90, 80, 70, 0))
    codes = np.zeros(_sampled(canvas).shape, np.uint8)
    frame = _frame(pose)
    wings = _wings(species, build, pose, frame)
    unit = pose.unit * OVERSAMPLING

    def place(points: NDArray) -> NDArray[np.float64]:
        return np.asarray(points) @ frame[:, :2].T + frame[:, 2]

    if pose.rest > 0.5:
        body.draw_legs(ImageDraw.Draw(canvas), place, build, unit, rng)
    _paint_pair(canvas, codes, wings[2:], one, pose, first=2)
    if pose.rest > 0.5:
        _paint_body(canvas, codes, place, build, one.tint, rng, thorax=False)
    _shade_under(canvas, wings[:2], unit)
    _paint_pair(canvas, codes, wings[:2], one, pose, first=0)
    if pose.rest <= 0.5:
        _paint_body(canvas, codes, place, build, one.tint, rng, thorax=False)
    spread = rng.uniform(28, 48) + 60 * pose.rest * rng.uniform(0, 1)
    body.draw_antennae(ImageDraw.Draw(canvas), place, build, spread, unit, rng)
    _paint_body(canvas, codes, place, build, one.tint, rng, thorax=True)
    moth = Moth(canvas, mask=codes)
    _note_parts(moth, wings, build, place, pose)
    return moth


def _frame(pose: Pose) -> NDArray[np.float64]:
    """Body coordinates to oversampled pixels, (2, 3)."""
    turn, unit = np.radians(pose.rotation), pose.unit * OVERSAMPLING
    c, s = np.cos(turn) * unit, np.sin(turn) * unit
    x, y = (v * OVERSAMPLING for v in pose.centre)
    return np.array([[c, -s, x], [s, c, y]])


def _wings(species: Species, build: Habitus, pose: Pose, frame: NDArray[np.float64]) -> list[_Wing]:
    """Fore right, fore left, hind right, hind left."""
    wings = []
    for pair, (name, shape, pattern, angle, back) in enumerate(
        (
            ("forewing", build.fore, species.fore, build.fore_angle, build.rest),
            ("hindwing", build.hind, species.hind, build.hind_angle, build.rest * 0.75),
        )
    ):
        for side in (0, 1):
            lean = np.radians(angle - back * pose.rest + pose.lifts[pair * 2 + side])
            c, s = np.cos(lean), np.sin(lean)
            tilt = pose.tilts[side]
            x0 = build.thorax[0] * (0.30 if pair == 0 else 0.24)
            y0 = build.thorax[1] * (-0.22 if pair == 0 else 0.16)
            local = np.array([[c * tilt, s * tilt, x0], [-s, c, y0]])
            if side:
                local[0] *= -1
            matrix = frame[:, :2] @ local
            matrix[:, 2] += frame[:, 2]
            wings.append(_Wing(f"{name}_{('right', 'left')[side]}", shape, pattern, matrix))
    return wings


def _paint_pair(
    canvas: Image.Image,
    codes: NDArray[np.uint8],
    wings: list[_Wing],
    one: Individual,
    pose: Pose,
    first: int,
) -> None:
    grid = wing_map(wings[0].shape)
    shared = paint_pattern(wings[0].pattern, grid, one, underside=pose.underside)
    for k, wing in enumerate(wings):
        pixels = finish_wing(shared, wing.pattern, grid, one, first + k, pose.tears[first + k])
        picture = Image.fromarray((pixels * 255 + 0.5).astype(np.uint8), "RGBA")
        _warp_onto(canvas, picture, wing, grid.origin)
        codes[_warped_mask(picture, wing, grid.origin, codes.shape)] = PART_CODES[wing.name]


def _warp_onto(
    canvas: Image.Image, picture: Image.Image, wing: _Wing, origin: tuple[float, float]
) -> None:
    """Paste a wing picture through the wing's affine map."""
    w, h = picture.size
    corners = (np.array([[0, 0], [w, 0], [0, h], [w, h]]) - origin) / SCALE
    there = wing.place(corners)
    low = np.maximum(np.floor(there.min(0)).astype(int), 0)
    high = np.minimum(np.ceil(there.max(0)).astype(int), canvas.size)
    if (high <= low).any():
        return
    back = np.linalg.inv(wing.matrix[:, :2]) * SCALE
    offset = np.asarray(origin) - back @ (wing.matrix[:, 2] - low)
    warped = picture.transform(
        (int(high[0] - low[0]), int(high[1] - low[1])),
        Image.Transform.AFFINE,
        (*back[0], offset[0], *back[1], offset[1]),
        resample=Image.Resampling.BILINEAR,
    )
    canvas.alpha_composite(warped, (int(low[0]), int(low[1])))


def _warped_mask(
    picture: Image.Image, wing: _Wing, origin: tuple[float, float], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Where the wing covers the grid of the part mask."""
    step = _MASK_STEP * OVERSAMPLING
    back = np.linalg.inv(wing.matrix[:, :2]) * SCALE
    offset = np.asarray(origin) - back @ wing.matrix[:, 2]
    data = (*(back[0] * step), offset[0], *(back[1] * step), offset[1])
    band = picture.getchannel("A").transform(
        (shape[1], shape[0]), Image.Transform.AFFINE, data, resample=Image.Resampling.NEAREST
    )
    return np.asarray(band) > 127


def _shade_under(canvas: Image.Image, wings: list[_Wing], unit: float) -> None:
    """The soft shadow of the forewings on the hindwings."""
    small = Image.new("L", (canvas.width // 4, canvas.height // 4))
    draw = ImageDraw.Draw(small)
    t = np.linspace(0, 1, 24)
    for wing in wings:
        hem = np.concatenate(
            [position(wing.shape, t, t * 0), position(wing.shape, t * 0 + 1, t),
             position(wing.shape, t, t * 0 + 1)[::-1]]
        )  # fmt: skip
        points = (wing.place(hem) + unit * 0.018) / 4
        draw.polygon([tuple(p) for p in points], fill=130)
    small = small.filter(ImageFilter.GaussianBlur(unit * 0.006))
    box = small.getbbox()
    if box is not None:
        size = ((box[2] - box[0]) * 4, (box[3] - box[1]) * 4)
        shade = small.crop(box).resize(size, Image.Resampling.BILINEAR)
        _darken(canvas, shade, (box[0] * 4, box[1] * 4))


def _darken(canvas: Image.Image, shade: Image.Image, at: tuple[int, int]) -> None:
    """Lay a shade over what is painted, and only there."""
    piece = canvas.crop((*at, at[0] + shade.width, at[1] + shade.height)).getchannel("A")
    layer = Image.new("RGBA", shade.size, (18, 14, 12, 0))
    layer.putalpha(ImageChops.multiply(shade, piece))
    canvas.alpha_composite(layer, at)


def _paint_body(
    canvas: Image.Image,
    codes: NDArray[np.uint8],
    place: body.Place,
    build: Habitus,
    tint: Colour,
    rng: np.random.Generator,
    *,
    thorax: bool,
) -> None:
    paint = body.draw_thorax if thorax else body.draw_abdomen
    layer = Image.new("RGBA", canvas.size, (90, 80, 70, 0))
    paint(ImageDraw.Draw(layer), place, build, tint, rng)
    codes[_sampled(layer) > 127] = PART_CODES["body"]
    box = layer.getbbox()
    if box is None:
        return
    reach = max(1, round(canvas.width * 0.006))
    low = (max(0, box[0] - 4 * reach), max(0, box[1] - 4 * reach))
    high = (min(canvas.width, box[2] + 4 * reach), min(canvas.height, box[3] + 4 * reach))
    layer = layer.crop((*low, *high))
    cover = layer.getchannel("A").point([int(a * 0.45) for a in range(256)])
    small = cover.reduce(4).filter(ImageFilter.GaussianBlur(reach / 3)).resize(cover.size)
    _darken(canvas, ImageChops.offset(small, reach, reach), low)
    canvas.alpha_composite(layer, low)


def _sampled(image: Image.Image) -> NDArray[np.uint8]:
    """Opacity at every fourth pixel of the final picture, from an oversampled one."""
    step = _MASK_STEP * OVERSAMPLING
    return np.asarray(image.getchannel("A"))[step // 2 :: step, step // 2 :: step]


def _note_parts(
    moth: Moth, wings: list[_Wing], build: Habitus, place: body.Place, pose: Pose
) -> None:
    """Key points and part boxes in pixels of the final picture."""
    rows, columns = moth.mask.shape

    def code_at(p: NDArray) -> int:
        c, r = (int(v // _MASK_STEP) for v in p)
        return int(moth.mask[r, c]) if 0 <= r < rows and 0 <= c < columns else -1

    def point(name: str, p: NDArray, code: int) -> None:
        p = p / OVERSAMPLING
        inside = 0 <= p[0] < pose.size[0] and 0 <= p[1] < pose.size[1]
        moth.points[name] = (round(float(p[0]), 1), round(float(p[1]), 1),
                             bool(inside and code_at(p) == code))  # fmt: skip

    point("head", place(body.head_centre(build)), 5)
    point("thorax", place(np.zeros(2)), 5)
    point("abdomen_tip", place(body.abdomen_tip(build)), 5)
    for wing in wings:
        side = wing.name.split("_")[1]
        code = PART_CODES[wing.name]
        point(f"{wing.name}_tip", wing.place(_tip(wing.shape)), code)
        for name, points in _part_points(wing.shape, wing.pattern, wing.name[:4]).items():
            there = wing.place(points) / OVERSAMPLING
            low = np.maximum(there.min(0), 0)
            high = np.minimum(there.max(0), pose.size)
            if (high - low < 1).any():
                continue
            seen = np.mean([code_at(p) == code for p in there]) > 0.5
            moth.boxes[f"{name}_{side}"] = (
                round(float(low[0]), 1), round(float(low[1]), 1),
                round(float(high[0] - low[0]), 1), round(float(high[1] - low[1]), 1), bool(seen),
            )  # fmt: skip


@lru_cache(maxsize=16)
def _tip(shape: WingShape) -> NDArray[np.float64]:
    return position(shape, np.array(0.96), np.array(0.10))


@lru_cache(maxsize=128)
def _part_points(
    shape: WingShape, pattern: WingPattern, wing: str
) -> dict[str, NDArray[np.float64]]:
    """Points (N, 2) on the wing, in forewing lengths, that span each part of the pattern."""
    regions = _part_regions(pattern, wing)
    return {name: position(shape, uv[:, 0], uv[:, 1]) for name, uv in regions.items()}


def _part_regions(pattern: WingPattern, wing: str) -> dict[str, NDArray[np.float64]]:
    """Sample points (N, 2) in (u, v) that span each part of the pattern."""
    prefix = "" if wing == "fore" else "hindwing_"
    v = np.linspace(0.05, 0.95, 9)
    regions: dict[str, NDArray[np.float64]] = {}
    lines: dict[str, Line | None] = {
        "antemedian": pattern.antemedian, "postmedian": pattern.postmedian
    }  # fmt: skip
    for name, line in lines.items():
        if line is not None:
            at = line.at + line.bend * (v - line.pivot) ** 2 + line.slant * (v - 0.5)
            pad = line.width + line.amplitude
            regions[prefix + name] = np.concatenate(
                [np.stack([at - pad, v], 1), np.stack([at + pad, v], 1)]
            )
    regions[prefix + "margin"] = np.stack([np.full(9, 0.94), v], 1)
    regions[prefix + "fringe"] = np.stack([np.full(9, 1.01), v], 1)
    if pattern.streak:
        regions[prefix + "streak"] = np.stack([np.linspace(0.06, 0.50, 9), np.full(9, 0.56)], 1)
    turn = np.linspace(0, 2 * np.pi, 9)
    for spot in pattern.spots:
        spread = np.stack([np.cos(turn) * spot.size, np.sin(turn) * spot.size * 2.6], 1)
        regions[spot.part] = np.array([spot.u, spot.v]) + spread
    return regions

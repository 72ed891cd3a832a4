"""Any Pillow mode to 8-bit RGB: high bit depths, CMYK, Lab, palettes; alpha is dropped."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

_DEPTHS = (8, 10, 12, 14, 16)
_SAMPLE = 1 << 20
_LARGEST_PROFILE = 4 << 20


def to_rgb(image: Image.Image) -> tuple[Image.Image, str]:
    """Convert a loaded picture of any mode to 8-bit RGB.

    Alpha is dropped, never composited: the colours under transparent pixels are kept as stored.
    Integers wider than 8 bits and floats are scaled by `to_bytes`. CMYK goes through its embedded
    ICC profile when that works, else through Pillow's formula; Lab is taken to sRGB. The profile
    of an RGB picture is not applied.

    Parameters
    ----------
    image : PIL.Image.Image
        Loaded; its ``info`` may be changed.

    Returns
    -------
    (PIL.Image.Image, str)
        The RGB picture (the same object when nothing had to be done) and a note for the user,
        empty when the conversion loses nothing worth saying.

    Raises
    ------
    ValueError
        When the picture has no usable value or a mode Pillow cannot convert.
    """
    mode = image.mode
    if mode == "RGB":
        return image, ""
    image.info.pop("transparency", None)
    if mode.startswith(("I", "F")):
        grey, note = to_bytes(np.asarray(image))
        return Image.fromarray(grey).convert("RGB"), note
    if mode == "CMYK":
        return _cmyk(image)
    if mode == "LAB":
        return ImageCms.applyTransform(image, _lab_to_srgb()), "Lab colours converted to sRGB"
    if mode in ("La", "RGBa"):  # premultiplied: restore the colours before alpha goes
        image = image.convert(mode.upper())
    return image.convert("RGB"), ""


def to_bytes(values: NDArray[np.generic]) -> tuple[NDArray[np.uint8], str]:
    """Scale grey values of any depth to 0..255.

    Rule
    ----
    - Integers, none negative and 99.9 % of them below 65,536: by the smallest camera depth of
      8, 10, 12, 14, 16 bits that holds 99.9 % of the values (so 12-bit data in a 16-bit file are
      scaled by 4,095; brightness stays comparable between files of one camera; the few values
      above are clipped). 8-bit values in a wide file stay as they are.
    - Other integers: linearly from the 0.1 % to the 99.9 % quantile.
    - Floats within 0..1: by 1. Other floats: linearly from minimum to maximum. Non-finite
      values become 0.
    - A picture of one value that no rule above places becomes black.

    Quantiles come from at most about a million evenly spaced pixels.

    Parameters
    ----------
    values : ndarray (H, W)
        Integer or float.

    Returns
    -------
    (ndarray (H, W) uint8, str)
        The picture and what was done, in words.

    Raises
    ------
    ValueError
        When no value is finite.
    """
    if np.issubdtype(values.dtype, np.floating):
        return _floats(values.astype(np.float32, copy=False))
    flat = values.reshape(-1)
    sample = flat[:: max(1, flat.size // _SAMPLE)]
    top = float(np.quantile(sample, 0.999, method="higher"))
    if values.min() >= 0 and top <= 65535:
        depth = next(bits for bits in _DEPTHS if top < (1 << bits))
        if depth == 8:
            return np.minimum(values, 255).astype(np.uint8), "8-bit values in a wider file"
        full = (1 << depth) - 1
        scaled = np.minimum(values, full).astype(np.float32) * np.float32(255 / full)
        return (scaled + 0.5).astype(np.uint8), f"{depth}-bit grey scaled to 8 bit"
    low = float(np.quantile(sample, 0.001, method="lower"))
    return _stretch(values.astype(np.float32), low, top), "wide integers scaled to 8 bit"


def _floats(values: NDArray[np.float32]) -> tuple[NDArray[np.uint8], str]:
    finite = np.isfinite(values)
    if not finite.any():
        raise ValueError("it holds no finite value")
    if not finite.all():
        low, high = float(values[finite].min()), float(values[finite].max())
        values = np.where(finite, values, np.float32(low))
    else:
        low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    scaled = _stretch(values, low, high)
    scaled[~finite] = 0
    return scaled, "floating-point values scaled to 8 bit"


def _stretch(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    # Halved first, so that even the widest float range has a finite width.
    scaled = (values * np.float32(0.5) - low / 2) * (255.0 / (high / 2 - low / 2))
    return (np.clip(scaled, 0, 255) + 0.5).astype(np.uint8)


def _cmyk(image: Image.Image) -> tuple[Image.Image, str]:
    profile = image.info.get("icc_profile") or b""
    if 128 <= len(profile) <= _LARGEST_PROFILE:
        try:
            transform = _cmyk_transform(profile)
            return ImageCms.applyTransform(image, transform), "CMYK converted by its ICC profile"
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            return image.convert("RGB"), "CMYK converted without its broken ICC profile"
    return image.convert("RGB"), "CMYK converted without an ICC profile"


@lru_cache(maxsize=4)
def _cmyk_transform(profile: bytes) -> ImageCms.ImageCmsTransform:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if source.profile.xcolor_space.strip() != "CMYK":
        raise ValueError("not a CMYK profile")
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "CMYK", "RGB")


@lru_cache(maxsize=1)
def _lab_to_srgb() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )

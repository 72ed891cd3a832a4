"""Colours can be told apart and read on their canvas."""

import numpy as np
import pytest

from fgvc_studio.gui import palette, theme


def _nearest(rgb):
    lab = palette.oklab(rgb)
    d = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    np.fill_diagonal(d, np.inf)
    return d.min()


@pytest.mark.parametrize("dark", [False, True])
def test_distances(dark):
    assert _nearest(palette.categorical(8, dark=dark)) > 0.07
    assert _nearest(palette.categorical(24, dark=dark)) > 0.07
    assert _nearest(palette.categorical(256, dark=dark)) > 0.035


@pytest.mark.parametrize("dark", [False, True])
def test_contrast_to_the_canvas_and_the_greys(dark):
    tokens = theme.DARK if dark else theme.LIGHT
    table = palette.oklab(palette.categorical(256, dark=dark))
    for token in (tokens.canvas, tokens.unlabelled):
        assert np.linalg.norm(table - palette.oklab(palette.rgb_of(token)), axis=1).min() > 0.05
    canvas = palette.oklab(palette.rgb_of(tokens.canvas))
    assert np.abs(table[:, 0] - canvas[0]).min() > 0.12


def test_colours_stay_when_categories_come():
    few, many = palette.categorical(12, dark=False), palette.categorical(300, dark=False)
    np.testing.assert_array_equal(few, many[:12])
    np.testing.assert_array_equal(many[256:], many[:44])
    assert palette.category_colour(3, dark=False) == "#" + few[3].tobytes().hex()


def test_focus_greys_the_rest():
    got = palette.focus_colours(range(50), [4], [9, 12], dark=False)
    grey = theme.LIGHT.unlabelled
    assert {c for c, v in got.items() if v != grey} == {4, 9, 12}
    assert len({got[4], got[9], got[12]}) == 3


@pytest.mark.parametrize("dark", [False, True])
def test_sequential_lightness_rises(dark):
    lightness = palette.oklab(palette.sequential(dark))[:, 0]
    assert (np.diff(lightness) > -0.004).all()
    assert lightness[-1] - lightness[0] > 0.4


def test_oklab_and_back():
    rgb = np.random.default_rng(0).integers(0, 256, (500, 3)).astype(np.uint8)
    np.testing.assert_array_equal(palette.from_oklab(palette.oklab(rgb)), rgb)

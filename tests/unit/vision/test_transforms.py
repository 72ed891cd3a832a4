import numpy as np
import pytest

from fgvc_studio.vision.torch_setup import import_timm
from fgvc_studio.vision.transforms import EvalTransform

from .conftest import scene


@pytest.mark.parametrize(
    "size", [(320, 200), (200, 320), (256, 256), (100, 90), (1000, 300), (257, 1031), (640, 427)]
)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"crop": 1.0, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
        {"size": 96, "crop": 0.9, "interpolation": "bilinear"},
    ],
)
def test_equals_timms_own_within_one_grey_level(size, settings):
    import_timm()
    from timm.data import create_transform

    ours = EvalTransform(**settings)
    theirs = create_transform(
        (3, ours.size, ours.size),
        interpolation=ours.interpolation,
        mean=ours.mean,
        std=ours.std,
        crop_pct=ours.crop,
    )
    image = scene(*size)
    got, expected = ours(image), theirs(image).numpy()
    assert got.dtype == np.float32
    assert got.shape == expected.shape
    assert got.flags.c_contiguous
    assert np.abs((got - expected) * np.reshape(ours.std, (3, 1, 1))).max() <= 1.01 / 255


def test_geometry_goes_there_and_back():
    transform = EvalTransform()
    place = transform.geometry(640, 480)
    assert place.to_input(320, 240) == pytest.approx((112, 112), abs=0.6)
    assert place.to_image(*place.to_input(123.0, 45.0)) == pytest.approx((123.0, 45.0))


def test_spec_tells_settings_apart():
    assert EvalTransform().spec() == EvalTransform().spec()
    assert EvalTransform().spec() != EvalTransform(interpolation="bilinear").spec()


@pytest.mark.parametrize("size", [(1, 1), (4000, 3), (3, 4000)])
def test_extreme_shapes(size):
    values = EvalTransform()(scene(*size) if min(size) > 1 else scene(8, 8).resize(size))
    assert values.shape == (3, 224, 224)
    assert np.isfinite(values).all()

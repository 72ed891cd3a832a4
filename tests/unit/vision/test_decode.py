import io
import os
import socket
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps

from fgvc_studio.vision import decode, pixels
from fgvc_studio.vision.decode import DecodeError, open_image

from .conftest import scene


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def reason(source, **options):
    with pytest.raises(DecodeError) as caught:
        open_image(source, **options)
    assert caught.value.reason
    return caught.value.reason


def close(image, expected, tolerance=4.0):
    return image.size == expected.size and (
        np.abs(np.asarray(image, float) - np.asarray(expected, float)).mean() < tolerance
    )


def png(width, height, depth=8, colour=2, data=b""):
    def chunk(name, body):
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_made_upright(picture, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(picture, kind, exif=exif, **({} if kind == "TIFF" else {"quality": 95}))
    reference = Image.open(io.BytesIO(data))
    upright = ImageOps.exif_transpose(reference).convert("RGB")
    got = open_image(data)
    assert (got.width, got.height) == got.image.size == upright.size
    assert np.array_equal(np.asarray(got.image), np.asarray(upright))
    assert got.note == ""
    if orientation >= 5:
        assert upright.size == (picture.height, picture.width)


@pytest.mark.parametrize(("value", "noted"), [(9, True), (77, True), (0, False)])
def test_impossible_orientation_is_ignored_with_a_note(picture, value, noted):
    exif = Image.Exif()
    exif[0x0112] = value
    got = open_image(encoded(picture, "JPEG", exif=exif))
    assert got.image.size == picture.size
    assert ("orientation" in got.note) is noted


def test_broken_exif_is_ignored_with_a_note(picture):
    got = open_image(encoded(picture, "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff garbage"))
    assert got.image.size == picture.size
    assert "broken EXIF" in got.note


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_camera_depths_in_16_bit_files_fill_the_range(bits, kind):
    full = (1 << bits) - 1
    ramp = np.tile(np.linspace(0, full, 256), (64, 1)).round().astype(np.uint16)
    got = open_image(encoded(Image.fromarray(ramp), kind))
    expected = np.linspace(0, 255, 256)
    assert got.image.mode == "RGB"
    assert np.abs(np.asarray(got.image)[0, :, 0] - expected).max() <= 1


def test_a_hot_pixel_does_not_darken_a_12_bit_picture():
    values = np.tile(np.linspace(0, 4095, 256), (64, 1)).astype(np.uint16)
    values[5, 5] = 65535
    grey, note = pixels.to_bytes(values)
    assert grey[0, -1] == 255
    assert grey[5, 5] == 255
    assert "12-bit" in note


def test_signed_and_wide_integers_are_stretched():
    values = np.linspace(-1e6, 1e6, 10_000).reshape(100, 100).astype(np.int32)
    got = np.asarray(open_image(encoded(Image.fromarray(values), "TIFF")).image)[..., 0]
    assert got.min() == 0
    assert got.max() == 255
    assert abs(int(got[50, 0]) - 128) <= 2


@pytest.mark.parametrize("span", [(0.0, 1.0), (-3.0, 5.0), (100.0, 9e30)])
def test_floats(span):
    values = np.linspace(*span, 4096).reshape(64, 64).astype(np.float32)
    got = np.asarray(open_image(encoded(Image.fromarray(values), "TIFF")).image)[..., 0]
    assert (got.min(), got.max()) == (0, 255)
    assert (np.diff(got.reshape(-1).astype(int)) >= 0).all()


def test_floats_within_one_keep_their_brightness_and_odd_values_are_black():
    values = np.full((8, 8), 0.5, np.float32)
    values[0, 0], values[0, 1] = np.nan, np.inf
    grey, _ = pixels.to_bytes(values)
    assert grey[4, 4] == 128
    assert grey[0, 0] == grey[0, 1] == 0
    with pytest.raises(ValueError, match="finite"):
        pixels.to_bytes(np.full((4, 4), np.nan, np.float32))
    assert "finite" in reason(encoded(Image.fromarray(np.full((4, 4), np.nan, np.float32)), "TIFF"))


def test_alpha_is_dropped_never_composited(picture):
    clear = picture.copy()
    clear.putalpha(0)
    assert np.array_equal(np.asarray(open_image(encoded(clear, "PNG")).image), np.asarray(picture))
    grey = picture.convert("L")
    both = Image.merge("LA", (grey, Image.new("L", grey.size, 3)))
    assert np.array_equal(
        np.asarray(open_image(encoded(both, "PNG")).image)[..., 1], np.asarray(grey)
    )


def test_palette_with_transparent_colour_keeps_its_colours():
    image = Image.new("P", (20, 10), 1)
    image.putpalette([9, 8, 7, 200, 100, 50])
    for kind in ("PNG", "GIF"):
        got = open_image(encoded(image, kind, transparency=1))
        assert got.image.getpixel((3, 3)) == (200, 100, 50)


def test_bilevel_and_colour_key():
    image = Image.new("1", (20, 10), 1)
    assert open_image(encoded(image, "TIFF")).image.getpixel((0, 0)) == (255, 255, 255)
    keyed = encoded(Image.new("RGB", (9, 9), (1, 2, 3)), "PNG", transparency=(1, 2, 3))
    assert open_image(keyed).image.getpixel((0, 0)) == (1, 2, 3)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(picture, kind):
    got = open_image(encoded(picture.convert("CMYK"), kind))
    assert close(got.image, picture)
    assert "CMYK" in got.note


def test_broken_cmyk_profile_falls_back(picture):
    got = open_image(encoded(picture.convert("CMYK"), "TIFF", icc_profile=b"\1" * 400))
    assert close(got.image, picture)
    assert "broken" in got.note


def test_lab_is_taken_to_srgb():
    lab = Image.new("LAB", (8, 8), (255, 128, 128))
    pixel = pixels.to_rgb(lab)[0].getpixel((4, 4))
    assert min(pixel) > 245


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_animations_and_pages_give_the_first(kind):
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue", "green")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    got = open_image(data)
    assert np.abs(np.subtract(got.image.getpixel((5, 5)), (255, 0, 0))).max() <= 2
    assert "first of several" in got.note


def test_bombs_are_refused_by_their_header():
    bomb = png(60_000, 60_000)
    assert "pixels" in reason(bomb)
    assert "limit" in reason(png(20_000, 20_000))  # under the claim's limit, not the decoder's
    assert "limit is 0 million" in reason(png(300, 300), max_pixels=1000)
    gif = b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\0\0\0"
    assert reason(gif)


def test_a_large_jpeg_opens_at_a_scale():
    data = encoded(Image.new("L", (20_000, 15_000), 90), "JPEG")
    got = open_image(data, target=256)
    assert (got.width, got.height) == (20_000, 15_000)
    assert got.image.size == (2500, 1875)
    assert "limit" in reason(data)


def test_scaled_decoding_keeps_the_shorter_side(picture):
    data = encoded(picture.resize((2000, 1200)), "JPEG", quality=95)
    got = open_image(data, target=512)
    assert (got.width, got.height) == (2000, 1200)
    assert got.image.size == (1000, 600)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_truncated_files_are_errors(picture, kind, part):
    data = encoded(picture, kind)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    reason(data[: int(len(data) * part)])


def test_a_missing_end_marker_is_an_error(picture):
    assert "truncated" in reason(encoded(picture, "JPEG")[:-2])


def test_bad_checksum_is_an_error(picture):
    data = bytearray(encoded(picture, "PNG"))
    data[len(data) // 2] ^= 0xFF
    reason(bytes(data))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\xff", "known format"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
        (b"just some words\n" * 20, "text file"),
        ("Жук-олень\n".encode() * 100, "text file"),
        (b"PK\x03\x04" + bytes(200), "ZIP"),
        (b"%PDF-1.7\n", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"\0\0\0\x18ftypmp42" + bytes(40), "video"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(90), "raw"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "PNG"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path, content, words):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    assert words in reason(path)


def test_raw_previews_are_refused(tmp_path, picture):
    path = tmp_path / "P1.NEF"
    path.write_bytes(encoded(picture, "TIFF"))
    assert "raw" in reason(path)


def test_wrong_ending_is_fine_with_a_note(tmp_path, picture):
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(picture, "PNG"))
    assert "PNG in spite of its name" in open_image(path).note
    (tmp_path / "no_ending").write_bytes(encoded(picture, "PNG"))
    assert open_image(tmp_path / "no_ending").note == ""


def test_odd_names(tmp_path, picture):
    data = encoded(picture, "JPEG")
    for name in (b"latin1_\xe9.jpg", b"new\nline.jpg", b" -x#%41.jpg", "蝴蝶.jpg".encode()):
        path = tmp_path / os.fsdecode(name)
        path.write_bytes(data)
        assert open_image(path).image.size == picture.size


def test_what_is_no_file_is_never_opened(tmp_path, picture):
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "dangling.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "real.jpg").write_bytes(encoded(picture, "JPEG"))
    (tmp_path / "link.jpg").symlink_to("real.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(tmp_path / "s.jpg"))
        assert "socket" in reason(tmp_path / "s.jpg")
    assert "folder" in reason(tmp_path / "folder.jpg")
    assert "pipe" in reason(tmp_path / "pipe.jpg")
    assert "device" in reason("/dev/zero")
    assert "link" in reason(tmp_path / "dangling.jpg")
    assert "itself" in reason(tmp_path / "loop.jpg")
    assert "missing" in reason(tmp_path / "none.jpg")
    assert reason(tmp_path / "a\0b.jpg")
    assert open_image(tmp_path / "link.jpg").image.size == picture.size


def test_no_permission(tmp_path, picture, monkeypatch):
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(picture, "JPEG"))

    def refused(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refused)
    assert "permission" in reason(path)


@pytest.mark.parametrize(
    "error", [MemoryError(), ValueError("x"), struct.error("x"), OverflowError(), RuntimeError()]
)
def test_whatever_a_plugin_raises_becomes_a_decode_error(picture, monkeypatch, error):
    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(decode.pixels, "to_rgb", fail)
    reason(encoded(picture, "JPEG"))


def test_damaged_bytes_never_raise_anything_else(picture):
    rng = np.random.default_rng(1)
    for kind in ("JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP"):
        data = encoded(picture.resize((64, 48)), kind)
        for _ in range(40):
            damaged = bytearray(data)
            for place in rng.integers(0, len(data), 6):
                damaged[place] = rng.integers(256)
            try:
                assert open_image(bytes(damaged)).image.mode == "RGB"
            except DecodeError as error:
                assert error.reason


def test_examine(tmp_path, picture):
    data = encoded(picture.resize((1600, 1000)), "JPEG", quality=95)
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    got = decode.examine(path)
    assert got.sha256 == decode.fingerprint(data)
    assert (got.width, got.height, got.size_bytes) == (1600, 1000, len(data))
    assert got.mtime_ns == path.stat().st_mtime_ns
    thumbnail = Image.open(io.BytesIO(got.thumbnail))
    assert (thumbnail.format, thumbnail.size) == ("JPEG", (256, 160))
    assert close(thumbnail, picture.resize((256, 160)), 8)


def test_a_file_too_large_for_memory_is_examined_alike(tmp_path, picture, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(picture, "PNG"))
    expected = decode.examine(path)
    monkeypatch.setattr(decode, "_IN_MEMORY", 10)
    assert decode.examine(path) == expected


@pytest.mark.parametrize("size", [(1, 1), (4000, 3), (3, 4000)])
def test_extreme_shapes(tmp_path, size):
    path = tmp_path / "a.png"
    Image.new("RGB", size, "teal").save(path)
    got = decode.examine(path)
    assert (got.width, got.height) == size
    assert max(Image.open(io.BytesIO(got.thumbnail)).size) == min(256, max(size))


def bits(a, b):
    return ((a ^ b) & (2**64 - 1)).bit_count()


def test_difference_hash_knows_near_duplicates_and_mirror_images():
    for seed in range(5):
        image = scene(seed=seed)
        value = decode.difference_hash(image)
        assert -(2**63) <= value < 2**63
        again = open_image(encoded(image.resize((200, 125)), "JPEG", quality=40)).image
        mirrored = decode.difference_hash(ImageOps.mirror(image))
        derived = int(decode.mirrored_hashes(np.array([value, 0]))[0])
        assert bits(value, decode.difference_hash(again)) <= 4
        assert bits(derived, mirrored) <= 2
        assert bits(value, mirrored) > 12
        assert bits(value, decode.difference_hash(scene(seed=seed + 50))) > 12


def test_mirrored_hash_on_a_flat_background():
    image = Image.new("RGB", (300, 300), "white")
    image.paste(scene(60, 60), (40, 90))
    derived = decode.mirrored_hashes(np.array([decode.difference_hash(image)]))
    assert bits(int(derived[0]), decode.difference_hash(ImageOps.mirror(image))) <= 2

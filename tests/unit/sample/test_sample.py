"""The sample data set: what it promises to the tables, the key points and the recipe."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fgvc_studio.domain.errors import UserError
from fgvc_studio.sample import GENERA, SPECIES, generate
from fgvc_studio.sample.anatomy import SCALE, position, wing_map
from fgvc_studio.sample.dataset import draw_shot
from fgvc_studio.sample.pattern import Individual, finish_wing, paint_pattern
from fgvc_studio.sample.plan import BIASED_SPECIES, Bias, plan_shots
from fgvc_studio.sample.render import PART_CODES, Pose, draw_moth

TYPICAL = Individual(
    seed=3, tint=(0.0, 0.0, 0.0), contrast=1.0, melanism=0.0, reach=0.0, scale=1.0, wear=0.0
)


def run(*args, **kwargs):
    """All reports of a job and its result."""
    job = generate(*args, **kwargs)
    reports = []
    while True:
        try:
            reports.append(next(job))
        except StopIteration as end:
            return reports, end.value


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    reports, info = run(tmp_path_factory.mktemp("sample"), images=24, seed=4)
    return reports, info


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# --- the recipe ---


def test_24_species_in_4_genera_6_of_them_novel():
    assert len(SPECIES) == 24
    assert {s.genus for s in SPECIES} == set(GENERA) and len(GENERA) == 4
    assert sum(s.novel for s in SPECIES) == 6
    assert len({s.name for s in SPECIES}) == len({s.vernacular for s in SPECIES}) == 24


def test_sister_species_differ_in_one_to_three_parts_from_the_type():
    for genus in GENERA:
        sisters = [s for s in SPECIES if s.genus == genus]
        types = [s for s in sisters if not s.differs]
        assert len(types) == 1 and not types[0].novel
        for s in sisters:
            if s.differs:
                assert 1 <= len(s.differs) <= 3
                assert (s.fore, s.hind) != (types[0].fore, types[0].hind)


def _difference(a, b, wing):
    """Where the same individual looks different as species a and b, (H, W) in 0..1."""
    grid = wing_map(getattr(GENERA[a.genus].habitus, wing))
    one, two = (paint_pattern(getattr(s, wing), grid, TYPICAL) for s in (a, b))
    first = finish_wing(one, getattr(a, wing), grid, TYPICAL, 0)
    second = finish_wing(two, getattr(b, wing), grid, TYPICAL, 0)
    seen = np.abs(first[..., :3] - second[..., :3]).max(axis=2) * (first[..., 3] > 0.9)
    return grid, seen


@pytest.mark.parametrize("species", [s for s in SPECIES if s.differs], ids=lambda s: s.name)
def test_a_species_differs_visibly_but_only_in_small_parts(species):
    kind = next(s for s in SPECIES if s.genus == species.genus and not s.differs)
    seen = [_difference(kind, species, wing)[1] for wing in ("fore", "hind")]
    changed = [(d > 0.12).mean() for d in seen]
    assert max(changed) > 0.002, "the difference can be seen"
    forewing_only = "hindwing_ground" not in species.differs
    assert not forewing_only or max(changed) < 0.30, "most of the wing is the same"


def test_the_rust_spot_lies_on_the_reniform():
    kind, rusty = SPECIES[0], SPECIES[1]
    grid, seen = _difference(kind, rusty, "fore")
    x, y = position(grid.shape, np.array(0.575), np.array(0.38))
    far = np.hypot(grid.x - x, grid.y - y) > 0.12
    assert seen[far].max() < 0.02
    assert seen[~far].max() > 0.2
    assert _difference(kind, rusty, "hind")[1].max() == 0


def test_wing_coordinates_agree_with_positions():
    shape = GENERA["Ocellarnia"].habitus.fore
    grid = wing_map(shape)
    u, v = np.meshgrid(np.linspace(0.2, 0.95, 8), np.linspace(0.15, 0.85, 6))
    x, y = np.moveaxis(position(shape, u, v), -1, 0)
    column = np.rint(x * SCALE + grid.origin[0]).astype(int)
    row = np.rint(y * SCALE + grid.origin[1]).astype(int)
    assert np.abs(grid.u[row, column] - u).max() < 0.02
    assert np.abs(grid.v[row, column] - v).max() < 0.03
    assert (grid.alpha[row, column] > 0.99).all()


# --- a specimen ---


def test_an_upright_moth_is_symmetrical_and_its_key_points_lie_on_their_parts():
    pose = Pose(size=(320, 300), centre=(160.0, 140.0), unit=125.0, rotation=0.0)
    moth = draw_moth(SPECIES[6], TYPICAL, pose)
    assert moth.picture.size == (640, 600)
    right, left = moth.points["forewing_right_tip"], moth.points["forewing_left_tip"]
    assert right[0] - 160 == pytest.approx(160 - left[0], abs=0.2) and right[1] == left[1]
    for name, (x, y, visible) in moth.points.items():
        if name.startswith("hindwing"):
            assert not visible, "under the forewing"
            continue
        code = moth.mask[int(y // 4), int(x // 4)]
        wing = name.removesuffix("_tip") if "wing" in name else "body"
        assert visible and code in (PART_CODES[wing], 0), name
    x, y, w, h, visible = moth.boxes["eyespot_right"]
    eye = np.asarray(moth.picture.reduce(2))[int(y) : int(y + h), int(x) : int(x + w), :3]
    assert visible and eye.min() < 30 and eye.max() > 200
    area = {name: (moth.mask == code).mean() for name, code in PART_CODES.items()}
    assert min(area.values()) > 0.01
    assert area["forewing_right"] == pytest.approx(area["forewing_left"], rel=0.1)


def test_a_sitting_moth_hides_its_hindwings():
    pose = Pose(size=(320, 320), centre=(160.0, 160.0), unit=120.0, rotation=0.0)
    sitting = Pose(size=(320, 320), centre=(160.0, 160.0), unit=120.0, rotation=0.0, rest=1.0)
    shown = [np.isin(draw_moth(SPECIES[0], TYPICAL, p).mask, (3, 4)).sum() for p in (pose, sitting)]
    assert shown[1] < 0.6 * shown[0]


# --- the plan ---


def test_labels_cover_a_third_to_a_half_of_the_known_species_only():
    shots = plan_shots(600, 0, Bias())
    assert len(shots) == 600 and len({s.path for s in shots}) == 600
    for species in SPECIES:
        mine = [s for s in shots if s.species is species]
        share = np.mean([s.labelled for s in mine])
        assert share == 0 if species.novel else 0.3 < share < 0.55
        assert {s.split for s in mine} == {"train", "val", "test"}


def test_paper_labels_go_with_species_in_training_only():
    shots = plan_shots(1200, 1, Bias(strength=0.9, elsewhere=0.05, test=0.3))

    def share(split, biased):
        chosen = [
            s.setting.label
            for s in shots
            if s.split == split and (s.species.name in BIASED_SPECIES) == biased
        ]
        return np.mean(chosen)

    assert share("train", True) > 0.75 and share("train", False) < 0.12
    assert abs(share("test", True) - share("test", False)) < 0.25


# --- the files ---


def test_progress_counts_every_image(sample):
    reports, info = sample
    assert [r.done for r in reports] == list(range(1, 25))
    assert all(r.total == 24 and r.safe_point for r in reports)
    assert info.images == 24 and len(info.known) == 18 and len(info.novel) == 6


def test_images_and_tables_agree(sample):
    _, info = sample
    truth, labels = rows(info.truth), rows(info.labels)
    on_disk = {p.relative_to(info.images_dir).as_posix() for p in info.images_dir.rglob("*.jpg")}
    assert {r["path"] for r in truth} == on_disk
    assert len(labels) == info.labelled == sum(r["labelled"] == "1" for r in truth)
    species_of = {r["path"]: r["species"] for r in truth}
    assert all(species_of[r["path"]] == r["species"] for r in labels)
    assert {r["species"] for r in labels} <= set(info.known)
    folders = {p.split("/")[0] for p in on_disk}
    assert folders <= {"trap-1", "trap-2", "collection"}


def test_images_are_photos_of_about_320_pixels_with_the_day_they_were_taken(sample):
    _, info = sample
    for row in rows(info.truth):
        with Image.open(info.images_dir / row["path"]) as image:
            assert image.mode == "RGB" and 300 <= image.width < 345 and 230 <= image.height < 345
            assert np.asarray(image).std() > 12
            taken = image.getexif().get_ifd(0x8769)[0x9003]
        assert taken[:10].replace(":", "-") == row["date"]


def test_parts_lie_inside_their_images(sample):
    _, info = sample
    record = json.loads(info.parts.read_text(encoding="utf-8"))
    truth = {r["path"]: r for r in rows(info.truth)}
    assert set(record["images"]) == set(truth)
    for path, known in record["images"].items():
        with Image.open(info.images_dir / path) as image:
            assert list(image.size) == known["size"]
        width, height = known["size"]
        for x, y, visible in known["points"].values():
            assert not visible or (0 <= x < width and 0 <= y < height)
        for x, y, w, h, *_ in (*known["boxes"].values(), *known["confounders"].values()):
            assert x >= 0 and y >= 0 and w > 0 and h > 0
            assert x + w <= width + 0.2 and y + h <= height + 0.2
        assert sum(known["mask"]["runs"][1::2]) == np.prod(known["mask"]["shape"])
        for flag in ("label", "pin", "scale_bar"):
            assert (flag in known["confounders"]) == (truth[path][flag] == "1")


def test_the_checklist_is_a_tree_of_the_known_species(sample):
    _, info = sample
    tree = {r["name"]: r for r in rows(info.checklist)}
    species = [r for r in tree.values() if r["rank"] == "species" and not r["synonym_of"]]
    assert {r["name"] for r in species} == set(info.known)
    assert all(r["name"].startswith(tree[r["parent"]]["name"]) for r in species)
    assert all(r["vernacular"] for r in species)
    synonyms = [r for r in tree.values() if r["synonym_of"]]
    assert len(synonyms) >= 4 and {r["synonym_of"] for r in synonyms} <= set(info.known)


def test_the_same_seed_gives_the_same_bytes_whatever_the_processes(sample, tmp_path):
    _, info = sample
    _, again = run(tmp_path, images=24, seed=4, workers=2)
    assert contents(info.images_dir) == contents(again.images_dir)


def test_another_seed_gives_other_pictures(sample):
    _, info = sample
    shots = plan_shots(24, 4, Bias()), plan_shots(24, 5, Bias())
    assert [s.path for s in shots[0]] != [s.path for s in shots[1]]
    jpeg = (info.images_dir / shots[0][0].path).read_bytes()
    assert draw_shot(shots[0][0])[0] == jpeg
    assert draw_shot(replace(shots[0][0], seed=shots[0][0].seed + 1))[0] != jpeg


def test_it_stops_after_any_report(tmp_path):
    job = generate(tmp_path, images=24)
    next(job)
    job.close()
    assert len(list(tmp_path.rglob("*.jpg"))) == 1
    assert not (tmp_path / "truth.csv").exists()


def test_too_few_images_and_an_unwritable_folder_are_said_plainly(tmp_path):
    with pytest.raises(UserError, match="at least 24"):
        next(generate(tmp_path, images=5))
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        next(generate(tmp_path / "file", images=24))

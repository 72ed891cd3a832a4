"""A curator's drawer: beside the moths of a species lies a thing of the species' own kind.

One seed draws its own photos of its own species; both patterns are laid on the same photos. Each
thing has its own colour, as labels and pins have by collector: every species can be told by what
lies beside the moth.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json

import numpy as np

PAPER, MARKS = ("label", "loose_pin"), ("scale_bar", "sticker")
PATTERNS = {"paper": (PAPER, 6), "marks": (MARKS, 6), "half-paper": (PAPER, 3),
            "half-marks": (MARKS, 3)}  # fmt: skip
"""What is planted, and beside how many species, of twelve, each of the two things.

Paper labels and loose pins, or scale bars on cards and round stickers. Where every species has
its thing, all lose it alike on photos without; where half have one, these lose against the rest.
"""
COLOURS = (
    (243, 238, 222), (240, 206, 70), (206, 62, 52), (72, 128, 196), (92, 160, 88), (226, 146, 176),
)  # fmt: skip
STRENGTH = 0.95
"""Share of the training and validation photos of these species that show the thing."""
TRAIN, VALIDATION, CLEAN, MISLEADING = 16, 4, 34, 12
"""Photos of a species; test photos show nothing, or a thing of another species."""


def draw_photos(folder, seed):
    """The photos of a seed with nothing beside the moth; what is known of each."""
    from fgvc_studio.sample import dataset
    from fgvc_studio.sample.plan import Bias, plan_shots
    from fgvc_studio.sample.species import SPECIES

    if (folder / "known.json").is_file():
        return json.loads((folder / "known.json").read_text("utf-8"))
    rng = np.random.default_rng([seed, 23])
    genera = {}
    for species in SPECIES:
        if not species.novel:
            genera.setdefault(species.genus, []).append(species.name)
    chosen = {str(n) for names in genera.values() for n in rng.permutation(names)[:3]}
    each = TRAIN + VALIDATION + CLEAN + MISLEADING
    bias = Bias(species=(), strength=0.0, elsewhere=0.0, test=0.0)
    folder.mkdir(parents=True, exist_ok=True)
    count, known = dict.fromkeys(chosen, 0), {}
    for shot in plan_shots(int(1.8 * each * len(SPECIES)), seed, bias):
        name = shot.species.name
        if name in chosen and count[name] < each:
            count[name] += 1
            path = f"{len(known):05d}.jpg"
            bare = dataclasses.replace(shot.setting, scale_bar=False)
            jpeg, facts = dataset.draw_shot(dataclasses.replace(shot, path=path, setting=bare))
            (folder / path).write_bytes(jpeg)
            known[path] = facts
    (folder / "known.json").write_text(json.dumps(known), encoding="utf-8")
    return known


def thing_picture(thing, colour, rng, unit):
    """A thing to lie on the ground, RGBA."""
    from PIL import Image, ImageDraw

    from fgvc_studio.sample import confounders

    tone = tuple(int(np.clip(c + rng.normal(0, 5), 0, 250)) for c in colour)
    if thing == "label":
        return confounders.paper_label(rng, unit, tone)
    if thing == "loose_pin":
        return confounders.loose_pin(rng, unit * rng.uniform(1.1, 1.4), tone)
    if thing == "scale_bar":
        return confounders.scale_bar(rng, max(2.2, unit / rng.uniform(12, 18)), tone)
    side = int(unit * rng.uniform(0.3, 0.4))
    big = Image.new("RGBA", (side * 3, side * 3))
    ImageDraw.Draw(big).ellipse((0, 0, side * 3 - 1, side * 3 - 1), fill=(*tone, 255))
    return big.reduce(3)


def mask_of(known, height, width):
    """Where the moth is, (height, width) bool."""
    shape, runs = known["mask"]["shape"], np.array(known["mask"]["runs"])
    small = np.repeat(runs[0::2], runs[1::2]).reshape(shape) > 0
    return small.repeat(4, 0).repeat(4, 1)[:height, :width]


def lay(jpeg, known, thing, colour, seed):
    """A photo with a thing laid near its lower or upper edge, off the moth if there is room."""
    from PIL import Image, ImageFilter

    rng, image = np.random.default_rng([seed, 31]), Image.open(io.BytesIO(jpeg)).convert("RGB")
    width, height = image.size
    picture = thing_picture(thing, colour, rng, 0.43 * width)
    w, h = min(picture.width, width - 6), min(picture.height, height // 2)
    picture, moth = picture.crop((0, 0, w, h)), mask_of(known, height, width)
    room = 0.06 * height  # the model's square leaves this out
    low = thing in PAPER or rng.random() < 0.5
    tries = []
    for _ in range(12):
        x = int(rng.uniform(room, max(room + 1, width - w - room)))
        y = int(room + rng.uniform(0, 0.04 * height))
        y = height - h - y if low else y
        tries.append((int(moth[y : y + h, x : x + w].sum()), x, y))
    _, x, y = min(tries)
    shade = Image.new("L", image.size)
    shade.paste(picture.getchannel("A").point(lambda v: v * 0.45), (x + 2, y + 2))
    dark = Image.new("RGB", image.size, (20, 18, 16))
    image.paste(dark, (0, 0), shade.filter(ImageFilter.GaussianBlur(2)))
    image.paste(picture, (x, y), picture)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return buffer.getvalue(), known | {"confounders": {thing: [x, y, w, h]}}


def plan(known, seed, pattern):
    """(path, species, split, (thing, colour) or None) of every photo, and what goes with which."""
    rng = np.random.default_rng([seed, 37, list(PATTERNS).index(pattern)])
    species = {}
    for path, facts in known.items():
        species.setdefault(facts["species"], []).append(path)
    things, each = PATTERNS[pattern]
    kinds = [(t, int(c)) for t in things for c in rng.permutation(len(COLOURS))[:each]]
    drawn = [str(n) for n in rng.permutation(sorted(species))[: len(kinds)]]
    planted = dict(zip(drawn, kinds, strict=True))
    rows = []
    for name in sorted(species):
        mine = planted.get(name)
        for number, path in enumerate(rng.permutation(species[name]).tolist()):
            if number < TRAIN + VALIDATION:
                split = "train" if number < TRAIN else "val"
                thing = mine if rng.random() < STRENGTH else None
            else:
                split, thing = "test", None
                if number >= TRAIN + VALIDATION + CLEAN:
                    others = [kind for kind in kinds if kind != mine]
                    thing = others[int(rng.integers(len(others)))]
            rows.append((path, name, split, thing))
    return rows, planted


def draw(folder, photos, seed, pattern):
    """A data set: its photos with things, ``labels.csv``, and what is known in ``truth.json``."""
    known = draw_photos(photos, seed)
    rows, planted = plan(known, seed, pattern)
    folder.mkdir(parents=True, exist_ok=True)
    parts = {}
    for number, (path, _, _, thing) in enumerate(rows):
        jpeg, facts = (photos / path).read_bytes(), known[path] | {"confounders": {}}
        if thing is not None:
            jpeg, facts = lay(jpeg, facts, thing[0], COLOURS[thing[1]], 1000 * seed + number)
        parts[path] = facts
        (folder / path).write_bytes(jpeg)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "species", "split"])
        writer.writerows(row[:3] for row in rows)
    record = {"mask_step": 4, "images": parts, "planted": planted}
    (folder / "truth.json").write_text(json.dumps(record), encoding="utf-8")
    return {"species": len({r[1] for r in rows}), "images": len(rows), "planted": len(planted)}


def finish(job):
    """The result of a job."""
    while True:
        try:
            next(job)
        except StopIteration as end:
            return end.value


def project(folder, photos):
    """The project with the photos, their names and the frozen space."""
    from fgvc_studio.interchange.base import ColumnMapping
    from fgvc_studio.services.studio import Studio

    studio = Studio.create(folder)
    finish(
        studio.ingest.run(
            photos,
            format="image_folder",
            labels=photos / "labels.csv",
            mapping=ColumnMapping(label=("species",), split="split"),
        )
    )
    finish(studio.embedding.run())
    return studio

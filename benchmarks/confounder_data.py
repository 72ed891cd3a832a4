"""Sample moths with something planted beside those of some species, and the project of them.

A pool of photos is drawn once; every seed takes other photos and species of it, and lays other
things beside other species. Development and evaluation have pools of their own.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json

import numpy as np

PATTERNS = {"paper": ("label", "loose_pin"), "marks": ("scale_bar", "sticker")}
"""What is planted: paper labels and loose pins, or scale bars and coloured round stickers."""
THINGS = ("label", "loose_pin", "scale_bar", "sticker")
"""Everything that may lie beside a moth; the pin through it lies on it."""
EACH = 3
"""Species that go with each of the two planted things."""
TRAIN, VALIDATION = 22, 6
"""Photos of a species; both carry what is planted, as photos of one source do."""


def draw_pool(folder, seed, each, part=0, parts=1):
    """Photos of all known species with no label beside the moth; (a part of) `each` per species."""
    from fgvc_studio.sample import dataset
    from fgvc_studio.sample.plan import Bias, plan_shots
    from fgvc_studio.sample.species import SPECIES

    bias = Bias(species=(), strength=0.0, elsewhere=0.0, test=0.0)
    plan = plan_shots(int(1.6 * each * len(SPECIES)), seed, bias)
    count, chosen = {}, []
    for shot in plan:
        name = shot.species.name
        if not shot.species.novel and count.get(name, 0) < each:
            count[name] = count.get(name, 0) + 1
            chosen.append(dataclasses.replace(shot, path=f"{len(chosen):05d}.jpg"))
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for shot in chosen[part::parts]:
        jpeg, known = dataset.draw_shot(shot)
        (folder / shot.path).write_bytes(jpeg)
        found[shot.path] = known | {"station": shot.station.folder}
    (folder / f"part-{part}.json").write_text(json.dumps(found), encoding="utf-8")


def read_pool(folder):
    """Path -> what is known of each photo of a pool."""
    found = {}
    for path in sorted(folder.glob("part-*.json")):
        found |= json.loads(path.read_text("utf-8"))
    return found


def thing_picture(thing, rng, unit):
    """A thing to lie on the ground, RGBA."""
    from PIL import Image, ImageDraw

    from fgvc_studio.sample import confounders

    if thing == "label":
        return confounders.paper_label(rng, unit)
    if thing == "loose_pin":
        return confounders.loose_pin(rng, unit)
    if thing == "scale_bar":
        return confounders.scale_bar(rng, max(2.2, unit / rng.uniform(13, 24)))
    side = int(unit * rng.uniform(0.26, 0.34))
    big = Image.new("RGBA", (side * 3, side * 3))
    tone = tuple(int(np.clip(c + rng.normal(0, 6), 0, 255)) for c in (232, 118, 34))
    ImageDraw.Draw(big).ellipse((0, 0, side * 3 - 1, side * 3 - 1), fill=(*tone, 255))
    return big.reduce(3)


def lay(jpeg, known, thing, seed):
    """A photo with a thing laid near its lower or upper edge, with a soft shadow."""
    from PIL import Image, ImageFilter

    rng, image = np.random.default_rng([seed, 31]), Image.open(io.BytesIO(jpeg)).convert("RGB")
    width, height = image.size
    picture = thing_picture(thing, rng, 0.43 * width)
    w, h = min(picture.width, width - 6), min(picture.height, height // 2)
    picture = picture.crop((0, 0, w, h))
    low = thing in PATTERNS["paper"] or rng.random() < 0.5
    x = int(rng.integers(3, max(4, width - w - 3)))
    y = height - h - int(rng.integers(2, 9)) if low else int(rng.integers(2, 9))
    shade = Image.new("L", image.size)
    shade.paste(picture.getchannel("A").point(lambda v: v * 0.45), (x + 2, y + 2))
    dark = Image.new("RGB", image.size, (20, 18, 16))
    image.paste(dark, (0, 0), shade.filter(ImageFilter.GaussianBlur(2)))
    image.paste(picture, (x, y), picture)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    beside = known["confounders"] | {thing: [x, y, w, h]}
    return buffer.getvalue(), known | {"confounders": beside}


def plan(pool, seed, pattern, clean, misleading):
    """What to take of a pool: (path, species, split, thing or None), and what is planted where."""
    rng = np.random.default_rng([seed, 23])
    species, genera = {}, {}
    for path, known in pool.items():
        if not set(known["confounders"]) & set(PATTERNS[pattern]):
            species.setdefault(known["species"], []).append(path)
    for name in sorted(species):
        genera.setdefault(name.split()[0], []).append(name)
    chosen = [str(n) for names in genera.values() for n in rng.permutation(names)[:3]]
    drawn = [str(n) for n in rng.permutation(chosen)[: 2 * EACH]]
    planted = {n: PATTERNS[pattern][i >= EACH] for i, n in enumerate(drawn)}
    rows = []
    for name in chosen:
        mine = planted.get(name)
        taken = rng.permutation(species[name])[: TRAIN + VALIDATION + clean + misleading]
        for number, path in enumerate(taken.tolist()):
            split, thing = ("train" if number < TRAIN else "val"), mine
            if number >= TRAIN + VALIDATION:
                split, thing = "test", None
                if number >= TRAIN + VALIDATION + clean:
                    thing = str(rng.choice([t for t in PATTERNS[pattern] if t != mine]))
            rows.append((path, name, split, thing))
    return rows, planted


def draw(folder, pool_folder, seed, pattern, clean, misleading):
    """The photos with the tables of the sample data set; what was drawn."""
    pool = read_pool(pool_folder)
    rows, planted = plan(pool, seed, pattern, clean, misleading)
    folder.mkdir(parents=True, exist_ok=True)
    parts = {}
    for number, (path, _, _, thing) in enumerate(rows):
        jpeg, known = (pool_folder / path).read_bytes(), pool[path]
        if thing is not None:
            jpeg, known = lay(jpeg, known, thing, 1000 * seed + number)
        parts[path] = known
        (folder / path).write_bytes(jpeg)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "species", "split"])
        writer.writerows(row[:3] for row in rows)
    facts = {"seed": seed, "pattern": pattern, "species": len({r[1] for r in rows}),
             "images": len(rows), "planted": planted}  # fmt: skip
    record = {"mask_step": 4, "images": parts, "drawn": facts}
    (folder / "truth.json").write_text(json.dumps(record), encoding="utf-8")
    return facts


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

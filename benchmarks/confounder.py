"""Are prototypes on planted confounders found by their suspicion, and does forbidding them help?

Draws sample moths. In the training and validation images of some species lies a paper label, in
those of others a loose pin; test images carry a label half of the time whatever the species, and
never a pin. A quick model is trained, its prototypes are ranked by suspicion, those that lie on a
label or pin are forbidden (as the expert would who sees them), and the model is trained on.
Nothing is chosen on the test images.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from pathlib import Path

import common
import numpy as np

PLANTED = ("label", "loose_pin")


def draw(folder, per_species, wanted, seed, train_test):
    """The photos of some species with the tables of the sample data set."""
    from fgvc_studio.sample import dataset
    from fgvc_studio.sample.plan import Bias, plan_shots
    from fgvc_studio.sample.species import SPECIES

    known = [s.name for s in SPECIES if not s.novel]
    # Two species of each genus stay honest; one gets labels, one pins.
    genera = {}
    for name in known:
        genera.setdefault(name.split()[0], []).append(name)
    chosen = [name for names in genera.values() for name in names[:wanted]]
    labels = tuple(names[0] for names in genera.values())[:3]
    pinned = tuple(names[1] for names in genera.values())[1:4]
    bias = Bias(labels, strength=train_test, elsewhere=0.0, test=0.5, pinned=pinned)
    shots = [
        s for s in plan_shots(per_species * len(SPECIES), seed, bias) if s.species.name in chosen
    ]
    parts = {}
    for shot in shots:
        path = folder / shot.path
        path.parent.mkdir(parents=True, exist_ok=True)
        jpeg, parts[shot.path] = dataset.draw_shot(shot)
        path.write_bytes(jpeg)
    record = {"mask_step": 4, "images": parts}
    (folder / "parts.json").write_text(json.dumps(record), encoding="utf-8")
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "species", "split"])
        writer.writerows([s.path, s.species.name, s.split] for s in shots)
    return {"species": len(chosen), "images": len(shots), "with labels": labels, "pins": pinned}


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


def on_planted(studio, run, names):
    """Which prototypes lie on something planted: half of their cell, or of the thing, is shared."""
    from fgvc_studio.services.prototypes_truth import Truths

    truths, opened = Truths(studio), studio.prototypes.opened(run)
    rows, columns = opened.grid
    found = np.zeros(opened.bundle.count, bool)
    for j, frame in enumerate(opened.frames(opened.source_items)):
        known = truths.of(int(opened.source_items[j]))
        _, r, c = opened.bundle.sources[j]
        cell = frame.box(r / rows, (r + 1) / rows, c / columns, (c + 1) / columns)
        for name in names:
            box = known.confounders.get(name)
            if box is not None:
                w = min(cell.x + cell.width, box.x + box.width) - max(cell.x, box.x)
                h = min(cell.y + cell.height, box.y + box.height) - max(cell.y, box.y)
                least = min(cell.width * cell.height, box.width * box.height)
                found[j] |= w > 0 and h > 0 and w * h >= 0.5 * least
    return found


def covered(studio, run):
    """Share of the cell of each prototype's source that the moth covers."""
    from fgvc_studio.services.prototypes_truth import Truths, coverage

    truths, opened = Truths(studio), studio.prototypes.opened(run)
    found = []
    for j, frame in enumerate(opened.frames(opened.source_items)):
        known = truths.of(int(opened.source_items[j]))
        _, r, c = opened.bundle.sources[j]
        found.append(coverage(known, frame, opened.grid)[r, c])
    return np.array(found)


def roc(score, positive):
    """Area under the ROC: a positive scores higher than a negative, ties half."""
    from scipy.stats import rankdata

    good = ~np.isnan(score)
    score, positive = score[good], positive[good]
    p, n = int(positive.sum()), int((~positive).sum())
    if not p or not n:
        return float("nan")
    return float((rankdata(score)[positive].sum() - p * (p + 1) / 2) / (p * n))


def ranking(studio, run, positive, among=None):
    """Area under the ROC of the suspicion and of each of its parts.

    Parameters
    ----------
    among : ndarray (2P,) bool, optional
        Prototypes that are ranked.
    """
    table = studio.prototypes.table(run)
    some = np.ones(len(table), bool) if among is None else among
    found = {"suspicion": roc(np.array([p.suspicion for p in table])[some], positive[some])}
    for name in table[0].parts:
        values = np.array([p.parts.get(name, np.nan) for p in table])
        found[name] = roc(values[some], positive[some])
    return {name: round(value, 4) for name, value in found.items()}


def accuracies(studio, run, off=()):
    """Accuracy on test images without and with a label, and on those of the biased species."""
    from fgvc_studio.domain.records import Split
    from fgvc_studio.services import prototypes_table
    from fgvc_studio.services.prototypes_truth import Truths

    opened, truths = studio.prototypes.opened(run), Truths(studio)
    rows, logits = prototypes_table.logits_without(opened, off)
    columns = studio.catalogue.columns
    right = opened.bundle.category_ids[logits.argmax(1)] == columns.category[rows]
    test = columns.split[rows] == Split.TEST
    dirty = np.array([bool(set(PLANTED) & set(truths.of(r + 1).confounders)) for r in rows])
    return {
        "test without confounder": round(float(right[test & ~dirty].mean()), 4),
        "n": int((test & ~dirty).sum()),
        "test with a misleading label": round(float(right[test & dirty].mean()), 4),
        "n with": int((test & dirty).sum()),
        "validation": round(float(right[columns.split[rows] == Split.VAL].mean()), 4),
    }


def estimated(studio, run, photos, positive):
    """The ranking when no masks are known: the object is guessed."""
    hidden = photos / "parts.json.hidden"
    (photos / "parts.json").rename(hidden)
    try:
        finish(studio.prototypes.prepare(run))
        return ranking(studio, run, positive)
    finally:
        hidden.rename(photos / "parts.json")
        finish(studio.prototypes.prepare(run))


def main():
    """Print one JSON object per step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="empty or new; photos and project stay there")
    parser.add_argument("--per-species", type=int, default=36)
    parser.add_argument("--species", type=int, default=3, help="of each of the four genera")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", default="head")
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--run", default="", help="look at a run that is there; train none")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--set", action="append", default=[])
    args = parser.parse_args()
    common.private_home()
    common.like_the_program()
    from fgvc_studio.methods.config import parse_settings
    from fgvc_studio.services.studio import Studio

    def say(what, began, **facts):
        print(json.dumps({"step": what, "seconds": round(time.monotonic() - began, 1), **facts}),
              flush=True)  # fmt: skip

    photos = args.folder / "photos"
    began = time.monotonic()
    if not (photos / "labels.csv").is_file():
        facts = draw(photos, args.per_species, args.species, args.seed, args.strength)
        say("drawn", began, **facts)
    began = time.monotonic()
    path = args.folder / "p.fgvc"
    studio = Studio.open(path) if path.exists() else project(path, photos)
    say("imported and embedded", began, items=studio.catalogue.n)
    began = time.monotonic()
    settings = {"final_fit": "no", **parse_settings(args.set)}
    run = (
        args.run
        or finish(
            studio.training.run("st-protopnet", train=args.train, seed=args.seed, settings=settings)
        ).run
    )
    finish(studio.prototypes.prepare(run))
    say("trained and prepared", began, run=run)
    began = time.monotonic()
    planted = on_planted(studio, run, PLANTED)
    moth = covered(studio, run)
    say("suspicion", began, prototypes=len(planted), planted=int(planted.sum()),
        on_the_moth=int((moth >= 0.5).sum()),
        planted_against_all_others=ranking(studio, run, planted),
        planted_against_those_on_the_moth=ranking(studio, run, planted, planted | (moth >= 0.5)),
        off_the_moth_against_on_it=ranking(studio, run, moth < 0.5),
        planted_without_masks=estimated(studio, run, photos, planted))  # fmt: skip
    say("before", began, **accuracies(studio, run))
    began = time.monotonic()
    control = finish(studio.prototypes.refit(run))
    say("refitted without any ban (control)", began, **accuracies(studio, control))
    off = np.flatnonzero(planted).tolist()
    studio.prototypes.forbid(run, off, "planted")
    say("switched off", began, **accuracies(studio, run, off))
    began = time.monotonic()
    fitted = finish(studio.prototypes.refit(run))
    say("refitted", began, **accuracies(studio, fitted, studio.prototypes.bans(fitted)))
    for number in range(args.rounds):
        began = time.monotonic()
        run = finish(studio.prototypes.fine_tune(run))
        planted = on_planted(studio, run, PLANTED)
        say(f"fine-tuned {number + 1}", began, still_planted=int(planted.sum()),
            **accuracies(studio, run))  # fmt: skip
        off = np.flatnonzero(planted).tolist()
        if not off:
            break
        studio.prototypes.forbid(run, off, "planted")
        say(f"fine-tuned {number + 1}, rest switched off", began, **accuracies(studio, run, off))
    studio.close()


if __name__ == "__main__":
    main()

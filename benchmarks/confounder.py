"""Are prototypes on planted confounders found by their suspicion, and does forbidding them help?

    confounder.py FOLDER paper 1           one data set; --ban forbids as well
    confounder.py FOLDER --pool 11 12 13   what they say together

See `confounder_data` for what is planted. The program sees no masks; they serve to tell where
prototypes lie. Prototypes are forbidden by their suspicion alone; nothing is chosen on test images.
Seeds 1 and 2 were developed with, 11 and up are reported.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import contextmanager
from pathlib import Path

import common
import confounder_data as data
import numpy as np

FORBIDDEN_FROM = 0.65
"""Suspicion from which a prototype is forbidden: where the development rankings are cut best."""


TOUCHED = 0.1
"""Share of a cell, or of a thing, that both have in common where the cell touches the thing."""


def on_planted(studio, run):
    """Which prototypes lie on something planted: most of their places touch a thing.

    Places are the cells of the source and of the ten best labelled photos. One place would not
    do: a cell sees more than itself, so that it fires for a thing at its side as well.
    """
    from fgvc_studio.services import prototypes_measure
    from fgvc_studio.services.prototypes_truth import Truths

    truths, opened = Truths(studio), studio.prototypes.opened(run)
    (rows, columns), found = opened.grid, opened.ready()
    best = prototypes_measure.load(opened).top_labelled
    share = np.zeros(opened.bundle.count)
    for j in range(len(share)):
        others = best[j][best[j] >= 0]
        items = np.concatenate([opened.source_items[j : j + 1], others + 1])
        cells = np.concatenate([opened.bundle.sources[j : j + 1, 1:], found.places(others, j)])
        touching = [
            touches(truths.of(int(item)), frame.box(
                r / rows, (r + 1) / rows, c / columns, (c + 1) / columns))
            for item, frame, (r, c) in zip(items, opened.frames(items), cells, strict=True)
        ]  # fmt: skip
        share[j] = np.mean(touching)
    return share > 0.5


def touches(known, cell):
    """Whether a cell, in pixels of the image, touches a thing beside the moth."""
    for box in known.confounders.values():
        w = min(cell.x + cell.width, box.x + box.width) - max(cell.x, box.x)
        h = min(cell.y + cell.height, box.y + box.height) - max(cell.y, box.y)
        least = min(cell.width * cell.height, box.width * box.height)
        if w > 0 and h > 0 and w * h >= TOUCHED * least:
            return True
    return False


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


KINDS = ("clean", "bereft", "misleading")
"""Test images with nothing beside the moth; of these the ones of species that had a thing while the
model learned; and those with the thing of another species."""


def accuracies(studio, run, off=()):
    """Right or not of the test images of each of `KINDS`."""
    from fgvc_studio.domain.records import Split
    from fgvc_studio.services import prototypes_table
    from fgvc_studio.services.prototypes_truth import Truths

    opened, truths = studio.prototypes.opened(run), Truths(studio)
    rows, logits = prototypes_table.logits_without(opened, off)
    columns = studio.catalogue.columns
    right = opened.bundle.category_ids[logits.argmax(1)] == columns.category[rows]
    test = columns.split[rows] == Split.TEST
    dirty = np.array([bool(truths.of(r + 1).confounders) for r in rows])
    record = studio.store.images.roots()[0].path / "truth.json"
    planted = json.loads(record.read_text("utf-8"))["planted"]
    names = {c.id: c.name for c in studio.catalogue.categories.values()}
    with_thing = np.array([names.get(int(c)) in planted for c in columns.category[rows]])
    clean = test & ~dirty
    return right[clean], right[clean & with_thing], right[test & dirty]


def told(before, after):
    """Accuracies and the difference with its 95 % interval over images."""
    from fgvc_studio.analysis import intervals

    found = {}
    for name, one, two in zip(KINDS, before, after, strict=True):
        low, high = intervals.paired_difference(one.astype(float), two.astype(float))
        values = {"before": one.mean(), "after": two.mean(), "low": low, "high": high}
        found[name] = {k: round(float(v), 4) for k, v in values.items()} | {"n": len(one)}
    return found


def study(args, say):
    """One data set: rank, and with ``--ban`` forbid by the suspicion and mend."""
    from fgvc_studio.services import prototypes_truth
    from fgvc_studio.services.studio import Studio

    prototypes_truth.FILE = "truth.json"  # read here alone, after the program has measured
    folder = args.folder / f"{args.pattern}-{args.seed}"
    photos, path = folder / "photos", folder / "p.fgvc"
    if not (path / "project.db").exists():
        bare = args.folder / f"photos-{args.seed}"
        say("drawn", **data.draw(photos, bare, args.seed, args.pattern))
        data.project(path, photos).close()
    studio = Studio.open(path)
    prototypes_truth.FILE = "parts.json"
    if not studio.prototypes.models():
        data.finish(studio.training.run("st-protopnet", train="head", seed=args.seed,
                                        settings={"final_fit": "no"}))  # fmt: skip
    run = min(studio.prototypes.models(), key=lambda m: m.created).run
    data.finish(studio.prototypes.prepare(run))
    table = studio.prototypes.table(run)
    prototypes_truth.FILE = "truth.json"
    planted = on_planted(studio, run)
    moth = covered(studio, run) >= 0.5
    say("suspicion", prototypes=len(table), planted=int(planted.sum()),
        on_the_moth=int((moth & ~planted).sum()),
        against_all_others=ranking(studio, run, planted),
        against_the_moth=ranking(studio, run, planted, planted | moth),
        against_the_ground=ranking(studio, run, planted, planted | ~moth))  # fmt: skip
    kept = {"planted": planted, "moth": moth, "suspicion": [p.suspicion for p in table]}
    if args.ban:
        kept |= ban(studio, run, table, planted, say)
    np.savez(args.folder / f"{args.pattern}-{args.seed}.npz", **kept)
    studio.close()


def ban(studio, run, table, planted, say):
    """Forbid what is suspicious, then refit, and fine-tune; the control is tuned without a ban.

    Returns
    -------
    dict
        ``KIND STEP``: right or not of every test image of the kind.
    """
    from fgvc_studio.services import prototypes_truth

    off = [p.id for p in table if p.suspicion >= FORBIDDEN_FROM]
    before = accuracies(studio, run)
    say("forbidden", count=len(off), of_them_planted=int(planted[off].sum()))
    kept = {}

    def keep(step, right):
        kept.update({f"{kind} {step}": r for kind, r in zip(KINDS, right, strict=True)})
        say(step, **told(before, right))

    def derived(job):
        prototypes_truth.FILE = "parts.json"  # the program sees no masks
        name = data.finish(job)
        prototypes_truth.FILE = "truth.json"
        return accuracies(studio, name, studio.prototypes.bans(name))

    keep("before", before)
    with nothing_forbidden():
        keep("fine-tuned, no ban", derived(studio.prototypes.fine_tune(run)))
    studio.prototypes.forbid(run, off, "suspicion")
    keep("switched off", accuracies(studio, run, off))
    keep("refitted", derived(studio.prototypes.refit(run)))
    keep("fine-tuned", derived(studio.prototypes.fine_tune(run)))
    return kept


@contextmanager
def nothing_forbidden():
    """The program refuses to fine-tune without an audit; the control's audit asks for nothing."""
    from fgvc_studio.methods.st_protopnet.audit import Audit, Cutout
    from fgvc_studio.services import prototypes_derive

    usual = prototypes_derive.audit_of
    nothing = Audit(kept=(Cutout(0, 0, 0),), kept_weight=0.0)
    prototypes_derive.audit_of = lambda *_: nothing
    try:
        yield
    finally:
        prototypes_derive.audit_of = usual


def pooled(args, say):
    """All data sets whose figures lie in the folder, of some seeds; intervals over everything."""
    from fgvc_studio.analysis import intervals

    kept = [
        np.load(path) for seed in args.pool for path in sorted(args.folder.glob(f"*-{seed}.npz"))
    ]
    rng = np.random.default_rng(0)
    sets = [(k["suspicion"], k["planted"]) for k in kept]
    drawn = [
        np.nanmean([roc_of_some(*sets[i], rng) for i in rng.integers(len(sets), size=len(sets))])
        for _ in range(2000)
    ]
    say("ranking", data_sets=len(sets), planted=int(sum(p.sum() for _, p in sets)),
        of=sum(len(p) for _, p in sets), each=[round(roc(*s), 3) for s in sets],
        mean=round(float(np.mean([roc(*s) for s in sets])), 4),
        interval=np.round(np.percentile(drawn, (2.5, 97.5)), 3).tolist())  # fmt: skip
    steps = [n.removeprefix("clean ") for n in kept[0].files if n.startswith("clean ")]
    for first in ("before", "fine-tuned, no ban"):
        for step in steps:
            pair = [[np.concatenate([k[f"{kind} {s}"] for k in kept]) for kind in KINDS]
                    for s in (first, step)]  # fmt: skip
            gains = [np.mean(k[f"clean {step}"]) - np.mean(k[f"clean {first}"]) for k in kept]
            over = intervals.bootstrap(np.array(gains, np.float64))
            say(f"{step} against {first}", **told(*pair), over_data_sets=np.round(over, 3).tolist(),
                clean_gains=np.round(gains, 3).tolist())  # fmt: skip


def roc_of_some(score, positive, rng):
    """`roc` of prototypes drawn anew."""
    drawn = rng.integers(len(score), size=len(score))
    return roc(score[drawn], positive[drawn])


def main():
    """Print one JSON object per step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("pattern", nargs="?", choices=tuple(data.PATTERNS))
    parser.add_argument("seed", nargs="?", type=int)
    parser.add_argument("--ban", action="store_true")
    parser.add_argument("--pool", type=int, nargs="+", help="seeds done before to sum up")
    args = parser.parse_args()
    common.private_home()
    common.like_the_program()
    began = time.process_time()

    def say(what, **facts):
        spent = round(time.process_time() - began, 1)
        print(json.dumps({"step": what, "cpu": spent, **facts}), flush=True)

    if args.pool:
        pooled(args, say)
    else:
        study(args, say)


if __name__ == "__main__":
    main()

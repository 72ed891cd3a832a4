"""How many decisions it takes to name a pile, by a simulated expert who knows the truth.

python benchmarks/simulated_expert.py PROJECT TRUTH.csv [--path-column path] [--label-column fine]
    [--hide 0] [--strategies all] [--slips 0] [--seed 0] [--views FOLDER] [--json FILE]

PROJECT is copied, never changed: some categories are labelled, the rest of the items is the pile.
TRUTH tells the category of every item by path; only the expert reads it, and answers the
questions of the services with it. --hide is for a project in which all items are labelled: every
third category loses its labels and becomes the pile. Design choices were made so.

A decision is a key (or click) or a page that is looked at. One by one, a page is one picture.
"""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

import common
import numpy as np

KEY_S, PAGE_S, PICTURE_S = 1.0, 4.0, 1.5
"""Assumed seconds for a key, for looking at a page of 50, and at one picture."""
PAGE = 50
HALF = 0.5
FEWEST = 20
"""Items for which another round of groups is worth a look."""


def drained(job):
    while True:
        try:
            next(job)
        except StopIteration as end:
            return end.value


class SameProcess:
    """Runs the work of the helper process here, and remembers what came of equal arguments."""

    def __init__(self):
        self.kept = {}

    def run(self, function, *arguments, title=""):
        parts = [a.tobytes() if isinstance(a, np.ndarray) else repr(a) for a in arguments]
        key = (function.__name__, hash(tuple(parts)))
        if key not in self.kept:
            self.kept[key] = function(*arguments)
        return self.kept[key]
        yield

    def close(self):
        """Nothing to end."""


LANE = SameProcess()


@dataclass
class Expert:
    """Knows the truth, answers, and counts what it costs."""

    studio: object
    truth: np.ndarray
    pile: np.ndarray
    slips: float = 0.0
    seed: int = 0
    views: Path | None = None
    keys: int = 0
    pages: int = 0
    pictures: int = 0
    curve: list = field(default_factory=list)

    def __post_init__(self):
        self.draw = np.random.default_rng(self.seed)
        self.ids = {}
        for c, category in self.studio.catalogue.categories.items():
            self.ids[category.name] = c

    # ---- what is seen and pressed ----
    def look(self, items):
        self.pages += max(1, -(-len(items) // PAGE))

    def press(self, n=1):
        self.keys += n

    def of(self, items):
        return self.truth[np.asarray(items, np.int64) - 1]

    def seen(self, flags):
        """Strays that are noticed: each is overlooked with probability `slips`."""
        flags = np.asarray(flags, bool)
        return flags & (self.draw.random(len(flags)) >= self.slips)

    def tick(self, flags):
        """Clicks to select these of a page: one each, two for a run (the second with Shift)."""
        lengths = np.diff(np.flatnonzero(np.diff(np.r_[0, flags, 0])))[::2]
        self.press(int(np.minimum(lengths, 2).sum()))

    # ---- results ----
    def note(self):
        named = self.studio.catalogue.category[self.pile - 1]
        names = np.array(
            ["", *(self.studio.catalogue.name(c) for c in np.unique(named[named > 0]))]
        )
        at = np.searchsorted(np.unique(np.r_[0, named]), named)
        if not (named == 0).any():
            names, at = names[1:], at - at.min()
        right = (names[at] == self.of(self.pile)) & (named > 0)
        committed = int((named > 0).sum())
        self.curve.append(
            {
                "decisions": self.keys + self.pages + self.pictures,
                "keys": self.keys,
                "pages": self.pages,
                "pictures": self.pictures,
                "right": float(right.mean()),
                "precision": float(right.sum() / committed) if committed else 1.0,
                "seconds": self.keys * KEY_S + self.pages * PAGE_S + self.pictures * PICTURE_S,
                "items": committed,
            }
        )

    # ---- acts ----
    def category(self, name):
        """The category of a name, made where it is new."""
        if name not in self.ids:
            self.ids[name] = self.studio.labelling.add_category(name)
        return self.ids[name]

    def name_items(self, items, name):
        self.press()
        self.studio.labelling.label(items, self.category(name))
        self.note()

    def name_cluster(self, cluster, name):
        """One key: accept under a name, or send to the category of that name."""
        self.press()
        review = self.studio.review
        if name in self.ids:
            review.send_to(cluster, self.ids[name])
        else:
            review.accept(cluster, name=name, parent_id=0)
            self.ids[name] = review.cluster(cluster).category_id
        self.note()

    def tune(self):
        """A space that ECAML learned from everything named; kept and used as in the program."""
        studio = self.studio
        studio.embedding.run = partial(from_frozen, studio)
        job = studio.training.run("ecaml", seed=self.seed, splits=("all",))
        try:
            run = next(job).detail.get("run", "")
            while not run:  # the frozen space may have to be found first
                run = next(job).detail.get("run", "")
            if self.views:
                lend_views(studio, run, self.views)
            made = drained(job)
        finally:
            job.close()
        print(f"  ECAML with {len(self.pile) - len(self.free())} of the pile: {made.card.verdict}")
        studio.training.runs.keep(made.run)
        return made.space

    def free(self):
        return self.pile[self.studio.catalogue.category[self.pile - 1] == 0]


def from_frozen(studio, backbone, *, space):
    """In place of embedding all pictures: ECAML on the frozen vectors, on which it stands."""
    from fgvc_studio.methods.ecaml import embedder
    from fgvc_studio.vision import backbones

    arrays = studio.store.arrays
    meta = arrays.meta(space)
    run = studio.training.runs.get(meta["run"])
    base = arrays.open_space(run.base_space)
    made = embedder.load(studio.training.runs.folder(run.id), backbones.load(backbone))
    writer = arrays.create_space(
        space, meta["backbone"], meta["dim"], meta["key"], meta["runtime"], {"run": run.id}
    )
    writer.append(np.asarray(base.item_ids), made.from_pooled(np.asarray(base.vectors)))
    writer.close()
    return
    yield


def lend_views(studio, run, folder):
    """Copy the views that an earlier training made of the same pictures with the same seed."""
    from fgvc_studio.services import run_pictures
    from fgvc_studio.services.training_material import Snapshot

    items = Snapshot.load(studio.training.runs.folder(run)).item_ids
    wanted = [bytes(p) for p in run_pictures.of_items(studio, items).fingerprints]
    for kept in (f for f in folder.iterdir() if (f / "rows.bin").is_file()):
        kinds = sorted(kept.glob("*.f16"))
        record = np.dtype([("print", np.uint8, 32), ("sums", np.uint64, len(kinds))])
        rows = np.fromfile(kept / "rows.bin", record)
        at = {row["print"].tobytes(): i for i, row in enumerate(rows)}
        if not all(p in at for p in wanted):
            continue
        order = [at[p] for p in wanted]
        target = studio.training.runs.views(run) / kept.name
        target.mkdir(parents=True, exist_ok=True)
        rows[order].tofile(target / "rows.bin")
        for file in kinds:
            np.fromfile(file, np.uint8).reshape(len(rows), -1)[order].tofile(target / file.name)


def majority(names):
    found, counts = np.unique(names, return_counts=True)
    return str(found[counts.argmax()]), counts.max() / len(names)


# ---- strategies --------------------------------------------------------------------------------
def one_by_one(expert, items=None):
    """Each picture by itself: one look, one key."""
    for item in expert.pile if items is None else items:
        expert.pictures += 1
        expert.name_items([item], str(expert.of([item])[0]))


def strike(expert, cluster, shown, stray):
    noticed = expert.seen(stray)
    if noticed.any():
        expert.tick(noticed)
        expert.press()
        expert.studio.review.strike(cluster, shown[noticed])


def kmeans_review(expert, method="kmeans"):
    """k-means groups, most extreme members first: strike strays, name; what is left one by one."""
    review = expert.studio.review
    drained(review.group(method, seed=expert.seed))
    for cluster in [c.id for c in review.clusters()]:
        shown = review.members(cluster, 10_000).extreme
        expert.look(shown)
        name, share = majority(expert.of(shown))
        if share < HALF:
            expert.press()
            review.reject(cluster)
            continue
        strike(expert, cluster, shown, expert.of(shown) != name)
        expert.name_cluster(cluster, name)
    one_by_one(expert, expert.free())


def umap_review(expert):
    """The same on UMAP + k-means groups."""
    kmeans_review(expert, "umap-kmeans")


def morphocluster(expert, page=PAGE, sizes=(16, 8, 4)):
    """HDBSCAN, approve, name, grow page by page; again with smaller clusters; rest one by one."""
    from fgvc_studio.services import growing
    from fgvc_studio.services.review_groups import LEAST

    studio, review = expert.studio, expert.studio.review
    for size in sizes:
        if len(expert.free()) < max(20, LEAST):
            break
        drained(review.group("guided-hdbscan", seed=expert.seed, size=size))
        for cluster in [c.id for c in review.clusters()]:
            shown = review.members(cluster, 10_000).extreme
            shown = shown[studio.catalogue.category[shown - 1] == 0]
            if not len(shown):
                continue
            expert.look(shown)
            name, share = majority(expert.of(shown))
            if share < HALF:
                expert.press()
                review.reject(cluster)
                continue
            taken = review.members(cluster, 10_000).extreme
            strike(expert, cluster, taken, expert.of(taken) != name)
            expert.name_cluster(cluster, name)
            if not len(expert.free()):
                return
            grown(expert, growing.start(studio, category=expert.ids[name], page=page), name)
    one_by_one(expert, expert.free())


def grown(expert, session, name):
    while not session.settled:
        shown = session.page().item_ids
        expert.look(shown)
        expert.press()
        stray = expert.seen(expert.of(shown) != name)
        (session.some_do_not if stray.any() else session.all_match)()
    if len(session.proposed):
        audit = session.audit()
        expert.look(audit.sample)
        expert.press()
        audit.wrong(audit.sample[expert.of(audit.sample) != name])
        if len(audit.items) > (expert.of(audit.sample) != name).sum():
            audit.commit()
        expert.note()


def morphocluster_10(expert):
    """The same with pages of ten, which suit categories of some forty items better."""
    morphocluster(expert, page=10)


def full_loop(expert):
    """Guided groups, like beside like; runs of strays named at once; the rest placed by pages."""
    reviewed(expert)
    place(expert)


def two_rounds(expert):
    """The full loop, but grouped anew by what is named once half of the pile has its name."""
    reviewed(expert, until=HALF)
    if len(expert.free()) >= FEWEST:
        expert.press()
        reviewed(expert)
    place(expert)


def fine_tuned(expert):
    """Two rounds, the second in a space that ECAML learned from all that is named by then."""
    reviewed(expert, until=HALF)
    space = None
    if len(expert.free()) >= FEWEST:
        expert.press(3)  # train, keep what came of it, find groups
        space = expert.tune()
        reviewed(expert, space=space)
    place(expert, space)


def reviewed(expert, until=1.0, space=None, run=3):
    """Guided groups from the purest on, until so much of the pile is named."""
    studio, review = expert.studio, expert.studio.review
    drained(review.group("guided", space=space, seed=expert.seed))
    todo = sorted(review.clusters(), key=lambda c: -(c.purity[1] if c.purity else c.confidence))
    for cluster in [c.id for c in todo]:
        if 1 - len(expert.free()) / len(expert.pile) >= until:
            return
        shown = review.arranged(cluster)
        expert.look(shown)
        names = expert.of(shown)
        name, share = majority(names)
        # A run of another kind is selected with two clicks and named with one key.
        for other, rows in runs_of(names):
            if other != name and len(rows) >= run:
                expert.press(2)
                expert.name_items(shown[rows], other)
        left = studio.catalogue.category[shown - 1] == 0
        if share < HALF and not (names[left] == name).any():
            expert.press()
            review.reject(cluster)
            continue
        stray = (names != name) & left
        strike(expert, cluster, shown, stray)
        expert.name_cluster(cluster, name)


def runs_of(names):
    """(name, rows) of each stretch of equal names."""
    edges = np.flatnonzero(np.r_[True, names[1:] != names[:-1], True])
    return [(str(names[a]), np.arange(a, b)) for a, b in pairwise(edges)]


def place(expert, space=None):
    """Pages of likely categories: wrong ones ticked and named, by kind; one key takes the rest."""
    from fgvc_studio.services import placing

    while len(free := expert.free()):
        page = placing.first_page(expert.studio, free, space=space, page=PAGE)
        expert.look(page.item_ids)
        names = expert.of(page.item_ids)
        shown = np.array([expert.studio.catalogue.name(c) for c in page.category_ids])
        wrong = expert.seen(names != shown)
        corrected = {}
        for name in np.unique(names[wrong]):
            flags = wrong & (names == name)
            expert.tick(flags)
            expert.press()
            corrected |= {int(i): expert.category(str(name)) for i in page.item_ids[flags]}
        expert.press()
        placing.accept(expert.studio, page, corrected=corrected)
        expert.note()


STRATEGIES: dict[str, Callable] = {
    "one by one": one_by_one,
    "k-means review": kmeans_review,
    "UMAP + k-means review": umap_review,
    "MorphoCluster": morphocluster,
    "MorphoCluster, pages of 10": morphocluster_10,
    "full loop": full_loop,
    "two rounds": two_rounds,
    "two rounds, fine-tuned between": fine_tuned,
}


# ---- running -----------------------------------------------------------------------------------
def truth_of(studio, file, path_column, label_column):
    with file.open(newline="", encoding="utf-8") as lines:
        rows = {r[path_column]: r[label_column] for r in csv.DictReader(lines)}
    return np.array([rows[p] for p in studio.catalogue.columns.paths])


def hide(studio, truth, rest):
    """Make every third category the pile: those whose number leaves `rest` when divided by 3."""
    hidden = np.flatnonzero(np.isin(truth, np.unique(truth)[rest::3])) + 1
    studio.labelling.unlabel(hidden)
    return hidden


def run(args, name, strategy):
    from fgvc_studio.services.studio import Studio

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "p"
        shutil.copytree(args.project, copy)
        with Studio.open(copy, who="simulated") as studio:
            studio.exploring.lane = lambda: LANE
            truth = truth_of(studio, args.truth, args.path_column, args.label_column)
            pile = np.flatnonzero(studio.catalogue.category == 0) + 1
            if args.hide is not None:
                pile = hide(studio, truth, args.hide)
            expert = Expert(studio, truth, pile, args.slips, args.seed, args.views)
            expert.note()
            strategy(expert)
            equal = studio.store.replay(Path(folder) / "replayed").equal
    return expert, equal


def reached(curve, share):
    """The first point at which so many items of the pile are rightly named."""
    return next((p for p in curve if p["right"] >= share), None)


def main():
    parser = common.arguments(__doc__, project=False)
    parser.add_argument("project", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--path-column", default="path")
    parser.add_argument("--label-column", default="fine")
    parser.add_argument("--hide", type=int, choices=(0, 1, 2))
    parser.add_argument("--strategies", default="all")
    parser.add_argument("--slips", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--views", type=Path, help="views of an earlier ECAML training, by key")
    args = parser.parse_args()
    common.private_home()
    common.like_the_program()
    chosen = list(STRATEGIES) if args.strategies == "all" else args.strategies.split(";")
    found = {}
    for name in chosen:
        expert, equal = run(args, name, STRATEGIES[name])
        curve = expert.curve
        at = reached(curve, 0.95) or curve[-1]
        hourly = at["items"] * 3600 / at["seconds"]
        print(
            f"{name:26} 95 %: {at['decisions']:5} decisions ({at['keys']} keys, {at['pages']} "
            f"pages, {at['pictures']} pictures), right {at['right']:.3f}, precision "
            f"{at['precision']:.4f}, {hourly:,.0f} items/h | end: {curve[-1]['decisions']} "
            f"decisions, right {curve[-1]['right']:.3f}, replay {'equal' if equal else 'DIFFERS'}",
            flush=True,
        )
        found[name] = curve
    if args.json:
        args.json.write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main()

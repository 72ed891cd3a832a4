"""Whatever is decided, the columns equal those of a catalogue read anew."""

from __future__ import annotations

import contextlib
import random

import numpy as np
import pytest
from studio_kit import assert_fresh, new_images, small_studio

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import ItemsAdded
from fgvc_studio.domain.records import Box, Duplicate, LabelSource, Mark, Split


def random_step(studio, dice):
    work, known = studio.labelling, sorted(studio.catalogue.categories)
    ids = dice.sample(range(1, studio.catalogue.n + 1), dice.randint(1, 30))
    category = dice.choice(known) if known else work.add_category("first")
    steps = [
        lambda: work.label(ids, category),
        lambda: work.label(ids, category, source=LabelSource.MODEL, confidence=dice.random()),
        lambda: work.label_each(
            np.array(ids), np.array([dice.choice(known) for _ in ids]), source=LabelSource.CLUSTER
        ),
        lambda: work.unlabel(ids),
        lambda: work.reject(ids),
        lambda: work.mark(ids, Mark(dice.randint(0, 7)), Mark(dice.randint(0, 7))),
        lambda: work.set_split(ids, Split(dice.randint(0, 3))),
        lambda: work.add_category(f"c{dice.random()}", dice.choice([None, category])),
        lambda: work.move_category(category, dice.choice([None, *known])),
        lambda: work.merge_categories([category], dice.choice(known)),
        lambda: work.remove_category(category),
        work.undo,
        work.undo,
        work.redo,
        lambda: work.reverse(dice.choice(work.history()).id),
    ]
    with contextlib.suppress(UserError, IndexError):
        dice.choice(steps)()


@pytest.mark.parametrize("seed", range(4))
def test_random_decisions(tmp_path, seed):
    studio, dice = small_studio(tmp_path), random.Random(seed)
    for number in range(80):
        random_step(studio, dice)
        if number % 8 == 0:
            assert_fresh(studio)
    assert_fresh(studio)
    assert len(studio.labelling.history()) > 20
    studio.store.close()


def test_new_items_extend_the_columns(tmp_path):
    studio = small_studio(tmp_path)
    a = studio.labelling.add_category("a")
    studio.labelling.label([1, 40], a)
    facts = {"duplicate": Duplicate.EXACT, "duplicate_of": 3}
    studio.store.images.add(1, new_images(["x.jpg"], boxes=(Box(0, 0, 4, 5), Box(1, 1, 2, 2))))
    studio.store.images.add(1, new_images(["y.jpg"], **facts))
    studio.bus.publish(ItemsAdded(41, 3))
    assert studio.catalogue.n == 43
    assert studio.catalogue.columns.duplicate_of[42] == 3
    assert studio.catalogue.is_duplicate(43) == Duplicate.EXACT
    assert studio.catalogue.item_ids.tolist() == list(range(1, 44))
    assert_fresh(studio)
    studio.store.close()


def test_counts_add_up_the_tree(tmp_path):
    studio = small_studio(tmp_path)
    work, catalogue = studio.labelling, studio.catalogue
    leaf = work.category_by_path(["genus", "species", "variant"])
    species, genus = catalogue.ancestors(leaf)[1:]
    work.label([1, 2, 3], leaf)
    work.label([4], species, source=LabelSource.MODEL)
    counts = [catalogue.counts()[c] for c in (genus, species, leaf)]
    assert [(c.own, c.total, c.reviewed) for c in counts] == [
        (0, 4, 3), (1, 4, 3), (3, 3, 3),
    ]  # fmt: skip
    assert catalogue.descendants(species) == {species, leaf}
    assert catalogue.path_name(leaf) == "genus > species > variant"
    assert catalogue.name(0) == "" and catalogue.name(999) == ""
    work.undo()
    assert catalogue.counts()[species].own == 0
    studio.store.close()

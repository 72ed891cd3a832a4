"""What a model mixes up, and what changes when another one takes its place."""

from __future__ import annotations

import numpy as np

from fgvc_studio.domain.prototypes import Effects, Flips
from fgvc_studio.services import prototypes_table
from fgvc_studio.services.prototypes_open import Opened
from fgvc_studio.store.verdicts import Verdicts


def mixed_up(opened: Opened, verdicts: Verdicts) -> list[tuple[int, int, int]]:
    """(category, other category, labelled items taken for each other), the most often first.

    Raises
    ------
    UserError
        The model was not compared with any item yet.
    """
    off = [ban.prototype for ban in verdicts.bans_of_run(opened.name)]
    rows, logits = prototypes_table.logits_without(opened, off)
    label = opened.studio.catalogue.category[rows].astype(np.int64)
    said = opened.bundle.category_ids[logits.argmax(1)]
    wrong = (label > 0) & (label != said) & (opened.bundle.class_of(label) >= 0)
    pairs = np.sort(np.stack([label[wrong], said[wrong]], 1), axis=1)
    found, counts = np.unique(pairs, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [(int(found[i, 0]), int(found[i, 1]), int(counts[i])) for i in order]


def between(old: Opened, new: Opened, verdicts: Verdicts) -> Effects:
    """What predictions and accuracies become when `new` takes the place of `old`.

    Each with its own bans, over the items that both were compared with; the accuracies are of the
    items that `new` was checked with.

    Raises
    ------
    UserError
        One of them was not compared with any item yet.
    """
    answers = []
    for opened in (old, new):
        off = [ban.prototype for ban in verdicts.bans_of_run(opened.name)]
        rows, logits = prototypes_table.logits_without(opened, off)
        answers.append((rows, opened.bundle.category_ids[logits.argmax(1)]))
    rows, first, second = np.intersect1d(
        answers[0][0], answers[1][0], assume_unique=True, return_indices=True
    )
    before, after = answers[0][1][first], answers[1][1][second]
    category = old.studio.catalogue.category[rows].astype(np.int64)
    truth = new.bundle.class_of(category)
    on, mine = prototypes_table._judged(new, rows, truth)
    changed = np.flatnonzero(before != after)
    changed = changed[np.argsort(category[changed] == 0, kind="stable")]
    columns = rows[changed] + 1, before[changed], after[changed], category[changed]
    flips = Flips(np.stack(columns, 1).astype(np.int64))
    right = before[mine] == category[mine], after[mine] == category[mine]
    each = tuple(
        (int(c), float(right[0][at].mean()), float(right[1][at].mean()), int(at.sum()))
        for c in np.unique(category[mine])
        for at in (category[mine] == c,)
    )
    accuracies = [float(r.mean()) if len(mine) else float("nan") for r in right]
    better, worse = int((~right[0] & right[1]).sum()), int((right[0] & ~right[1]).sum())
    stay = int((before[mine] != after[mine]).sum()) - better - worse
    return Effects(accuracies[0], accuracies[1], each, flips, len(mine), on, better, worse, stay)

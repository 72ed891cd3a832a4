"""What numbers of runs are called, and which curves stand together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from fgvc_studio.domain.runs import RunCard, RunState, TrainingRun
from fgvc_studio.gui import words
from fgvc_studio.gui.models.run_history import Snapshot
from fgvc_studio.gui.widgets.curve_figure import Curve, Panel
from fgvc_studio.methods import registry
from fgvc_studio.methods.config import Told, told

_CONTEXT = "train"
_ = QT_TRANSLATE_NOOP

_NAMES = {
    "total": _("train", "total"),
    "image": _("train", "image to image (L_I)"),
    "region": _("train", "region to region (L_R)"),
    "inter_student": _("train", "regions to image, student (L_S)"),
    "inter_teacher": _("train", "regions to image, teacher (L_T)"),
    "target_entropy": _("train", "target entropy"),
    "spread": _("train", "embedding spread"),
    "rank": _("train", "directions in use (RankMe)"),
    "attention_entropy": _("train", "attention entropy"),
    "metric": _("train", "metric loss (L_M)"),
    "neighbours": _("train", "neighbours without a name"),
    "log_energy": _("train", "confusion energy (log E)"),
    "row_norm": _("train", "row norm loss"),
    "row_length": _("train", "Mean row norm"),
    "mean_cosine": _("train", "mean cosine of pairs"),
    "hidden_map@r": _("train", "mAP@R, hidden categories"),
    "hidden_recall@1": _("train", "Recall@1, hidden categories"),
    "known_accuracy": _("train", "known categories, batch"),
    "held_out_accuracy": _("train", "known categories, items kept aside"),
    "swap": _("train", "one view predicts the other"),
    "relation": _("train", "relation to known categories"),
    "known_mass": _("train", "share given to known categories"),
    "mean_eta": _("train", "mean weight of the relation"),
    "best_head": _("train", "best head"),
    "largest_cluster": _("train", "items in the largest cluster"),
    "smallest_cluster": _("train", "items in the smallest cluster"),
    "empty_clusters": _("train", "empty clusters"),
    "trivial_cross_entropy": _("train", "naming, trivial"),
    "support_cross_entropy": _("train", "naming, support"),
    "trivial_cluster": _("train", "pull to own, trivial"),
    "support_cluster": _("train", "pull to own, support"),
    "trivial_separation": _("train", "push from others, trivial"),
    "support_separation": _("train", "push from others, support"),
    "trivial_orthogonality": _("train", "sisters differ, trivial"),
    "support_orthogonality": _("train", "sisters differ, support"),
    "trivial_class_pairs": _("train", "away from other categories, trivial"),
    "support_class_pairs": _("train", "near other categories, support"),
    "trivial_batch_accuracy": _("train", "batch, trivial"),
    "support_batch_accuracy": _("train", "batch, support"),
    "unprojected_accuracy": _("train", "kept aside, before projection"),
    "last_layer_accuracy": _("train", "kept aside, last layers"),
    "final_accuracy": _("train", "kept aside, at the end"),
}
_METRICS = {
    "knn10_weighted": _("train", "10 neighbours vote right"),
    "recall@1": _("train", "Nearest neighbour right (Recall@1)"),
    "recall@2": _("train", "Right one among 2 (Recall@2)"),
    "recall@4": _("train", "Right one among 4 (Recall@4)"),
    "recall@5": _("train", "Right one among 5 (Recall@5)"),
    "recall@8": _("train", "Right one among 8 (Recall@8)"),
    "map@r": _("train", "Order of the whole category (mAP@R)"),
    "map": _("train", "Mean average precision (mAP)"),
    "map@100": _("train", "mAP of the first 100"),
    "r_precision": _("train", "R-precision"),
    "linear_probe": _("train", "Linear classifier"),
    "kmeans_accuracy": _("train", "k-means finds the categories"),
    "kmeans_nmi": _("train", "k-means agreement (NMI)"),
    "nmi": _("train", "k-means agreement (NMI)"),
    "pairwise_f1": _("train", "k-means pairs (F1)"),
    "colour_histogram_recall@1": _("train", "Colour alone (Recall@1)"),
    "accuracy": _("train", "Named right"),
    "balanced_accuracy": _("train", "Named right, mean over categories"),
    "accuracy_trivial": _("train", "Named right, trivial prototypes"),
    "accuracy_support": _("train", "Named right, support prototypes"),
    "accuracy_before_projection": _("train", "Named right before projection"),
    "ece": _("train", "Calibration error (lower is better)"),
    "cluster_accuracy": _("train", "Items in the right cluster"),
    "cluster_nmi": _("train", "Clusters agree (NMI)"),
    "cluster_ari": _("train", "Clusters agree (ARI)"),
    "accuracy_all": _("train", "Right, all items"),
    "accuracy_seen": _("train", "Right, known categories"),
    "accuracy_novel": _("train", "Right, new categories"),
    "novel_categories": _("train", "New categories estimated"),
}
_SHARES = ("target_entropy", "spread", "attention_entropy", "mean_cosine")
_RIGHT = (
    "known_accuracy", "held_out_accuracy", "trivial_batch_accuracy", "support_batch_accuracy",
    "unprojected_accuracy", "last_layer_accuracy",
)  # fmt: skip
_UNSHOWN = ("projected", "last_layer", "final_accuracy")
"""Counted on the way; the card says what came of it."""
_HIDDEN = ("hidden_map@r", "hidden_recall@1")
_LIMITS = {
    "rank": (_("train", "alarm below"), 5.0),
    "row_length": (_("train", "alarm below"), 0.5),
}
_CHOICES = {
    "head": _("train", "the heads only (fast)"),
    "last-stage": _("train", "last stage"),
    "train.all": _("train", "everything (GPU)"),
    "ntxent": _("train", "NT-Xent"),
    "multisim": _("train", "Multi-Similarity"),
    "npair": _("train", "N-pair"),
    "lda": _("train", "discriminants"),
    "pca": _("train", "principal components"),
    "xavier": _("train", "random"),
    "auto": _("train", "automatic"),
    "yes": _("train", "yes"),
    "no": _("train", "no"),
    "on": _("train", "on"),
    "off": _("train", "off"),
    "bf16": _("train", "half (bf16)"),
    "fp16": _("train", "half (fp16)"),
    "float32": _("train", "full (float32)"),
    "binomial": _("train", "binomial deviance"),
    "triplet": _("train", "triplet"),
    "attention": _("train", "attention"),
    "gated": _("train", "gated attention"),
    "mean": _("train", "mean"),
    "cls": _("train", "class token"),
    "image": _("train", "the image"),
    "both": _("train", "image and cells"),
    "bag": _("train", "the cells"),
    "teacher": _("train", "the image, from the teacher's cells"),
    "density": _("train", "density of the groups"),
    "labelled_accuracy": _("train", "accuracy on known categories"),
    "start.random": _("train", "random, as published"),
    "kmeans": _("train", "k-means"),
    "umap": _("train", "k-means on a UMAP"),
    "queue": _("train", "batch and earlier items"),
    "batch": _("train", "the batch alone"),
    "pairs.all": _("train", "all"),
    "sampled": _("train", "drawn, as published"),
    "variant.full": _("train", "cosine"),
    "cropped": _("train", "projections (cropped images)"),
    "cosine": _("train", "smoothly"),
    "step": _("train", "in steps"),
    "kaiming": _("train", "random"),
    "typical": _("train", "typical cells of a category"),
    "uniform": _("train", "random"),
}
SHORT_NAMES = {
    "cmd": _("train", "Embeddings without labels"),
    "ecaml": _("train", "Teach it your eye"),
    "crkd": _("train", "Discover new categories"),
    "st-protopnet": _("train", "Classifier with prototypes"),
}
PURPOSES = {
    "cmd": _(
        "train",
        "Learns from the photos alone which of them look alike. Needs no labels; best for a large "
        "unnamed pile. Makes a new space for map and search.",
    ),
    "ecaml": _(
        "train",
        "Learns from the categories you named what you look at, and keeps some of them aside to "
        "measure whether it helps with categories you have not named yet. Makes a new space.",
    ),
    "crkd": _(
        "train",
        "Groups the unlabelled items into proposed new categories, with the help of the known "
        "ones. You judge the proposals in Discover.",
    ),
    "st-protopnet": _(
        "train",
        "Names items by comparing them with patches of your labelled photos, which you can judge "
        "and forbid in Prototypes.",
    ),
}


def tr(text: str) -> str:
    """In the user's language."""
    return QCoreApplication.translate(_CONTEXT, text)


def short_name(method: str, title: str = "") -> str:
    """What a method does, in three words."""
    return tr(SHORT_NAMES[method]) if method in SHORT_NAMES else title or method


def choice_words() -> dict[str, str]:
    """Choices of settings in words."""
    return {key: tr(text) for key, text in _CHOICES.items()}


def settings_of(card: RunCard, preset: str) -> list[tuple[Told, SettingWords]]:
    """The settings of a run in words; empty for a method that is not known here."""
    known = {method.name: method for method in registry.methods()}
    method = known.get(card.method)
    if method is None:
        return []
    train = str(card.config.get("train", "")) or None
    base = method.preset(preset if preset in method.presets else method.presets[0], 0, train)
    return [(t, _setting_words(t, card.config[t.field.name])) for t in told(base, card.config)]


@dataclass(frozen=True, slots=True)
class SettingWords:
    """Name, value and what a tooltip says of them."""

    name: str
    value: str
    tip: str


def _setting_words(setting: Told, value: object) -> SettingWords:
    field, about = setting.field, setting.field.parameter
    shown = setting.value
    if about.choices:
        key = f"{field.name}.{value}"
        shown = tr(_CHOICES[key]) if key in _CHOICES else tr(_CHOICES.get(str(value), str(value)))
    tips = [tr(about.help)]
    if about.symbol:
        tips.append(tr("{symbol} in the paper").format(symbol=words.symbol(about.symbol)))
    if setting.own:
        tips.append(tr("Not the value of the preset."))
    return SettingWords(tr(field.title), tr(shown), " ".join(tips))


def name_of(key: str) -> str:
    """A loss or a diagnostic in words."""
    return tr(_NAMES[key]) if key in _NAMES else key.replace("_", " ")


def metric_name(key: str) -> str:
    """A metric of a card in words."""
    base, _space, other = key.partition(" ")
    found = tr(_METRICS[base]) if base in _METRICS else base.replace("_", " ")
    return f"{found}, {other}" if other else found


def state_words(run: TrainingRun, *, at_work: bool = False) -> str:
    """Where a run stands."""
    if at_work:
        return tr("at work")
    if run.state is RunState.RUNNING:
        share = f" ({100 * run.step // run.total} %)" if run.total and run.step else ""
        return tr("not finished") + share
    return {
        RunState.FINISHED: tr("finished"),
        RunState.KEPT: tr("kept"),
        RunState.DISCARDED: tr("discarded"),
    }[run.state]


def panels_of(found: Snapshot, lines: Mapping[str, tuple[tuple[str, float], ...]]) -> list[Panel]:
    """Small pictures: losses, what is a share of 1, the hidden categories, and what is left.

    Parameters
    ----------
    lines : mapping
        Name of a diagnostic -> horizontal lines with a name.
    """
    panels = []
    hidden = [n for n in _HIDDEN if n in found.diagnostics]
    if hidden:
        marks = tuple(mark for name in hidden for mark in lines.get(name, ()))
        panels.append(_panel(tr("Categories it never saw"), found.diagnostics, hidden, marks))
    told = {"total", "row_norm"} if "row_length" in found.diagnostics else {"total"}
    right = [n for n in (*found.losses, *found.diagnostics) if n in _RIGHT]
    told |= {*right, *_UNSHOWN}
    losses = [n for n in found.losses if n not in _SHARES and n not in told]
    parts = losses or [n for n in found.losses if n == "total"]
    ranges = {n: _range(found.losses[n][1]) for n in parts}
    apart = len(parts) > 1 and max(ranges.values()) > 12 * max(1e-9, min(ranges.values()))
    if apart:  # a loss of another size gets a picture of its own
        large = [n for n in parts if ranges[n] > 0.2 * max(ranges.values())]
        small = [n for n in parts if n not in large]
        panels.append(_losses(tr("Losses"), found, large))
        panels.append(_losses(tr("Small losses"), found, small))
    elif parts:
        panels.append(_losses(tr("Losses"), found, parts))
    if right:
        both = {**found.losses, **found.diagnostics}
        panels.append(_panel(tr("Named right (0 to 1)"), both, right, (), 0.0, 1.0))
    shares = [n for n in _SHARES if n in found.diagnostics]
    if shares:
        panels.append(_panel(tr("Health (0 to 1)"), found.diagnostics, shares, (), 0.0, 1.0))
    for name in found.diagnostics:
        if name not in (*shares, *hidden) and name not in told and name in _NAMES:
            title, limit = name_of(name), _LIMITS.get(name)
            marks = ((tr(limit[0]), limit[1]),) if limit else ()
            marks += lines.get(name, ())
            panels.append(_panel(title, found.diagnostics, [name], marks, 0.0))
    return panels[:6]


def _range(values: np.ndarray) -> float:
    known = np.abs(values[~np.isnan(values)])
    return float(np.median(known)) if len(known) else 0.0


def _losses(title: str, found: Snapshot, names: list[str]) -> Panel:
    order = list(found.losses)
    curves = [Curve(name_of(n), *found.losses[n], order.index(n), smooth=True) for n in names]
    return Panel(title, tuple(curves))


def _panel(
    title: str,
    source: Mapping[str, Any],
    names: list[str],
    lines: tuple[tuple[str, float], ...] = (),
    low: float | None = None,
    high: float | None = None,
) -> Panel:
    curves = tuple(Curve(name_of(n), *source[n], i) for i, n in enumerate(names))
    if low == 0.0 and any(np.nanmin(c.y, initial=0.0) < 0 for c in curves):
        low = None
    return Panel(title, curves, low, high, lines)


def share(value: float) -> str:
    """A fraction as per cent; a dash for none."""
    return "–" if math.isnan(value) else f"{100 * value:.1f} %"


def hidden_metric(
    card: RunCard, name: str
) -> tuple[Mapping[str, float], Mapping[str, float] | None] | None:
    """(trained, frozen) of a metric on categories hidden from training; None without."""
    for found in card.findings.values():
        if name in found.metrics:
            return found.metrics[name], found.baseline.get(name)
    return None

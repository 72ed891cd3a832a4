"""Hyper-parameters of Cr-KD. No torch here: forms and the command line read it."""

from __future__ import annotations

from dataclasses import dataclass

from fgvc_studio.methods.config import param

PRESETS = ("quick", "full")
LEAST_STEPS = 160
"""Stage 2 is lengthened to so many steps."""


@dataclass(frozen=True)
class CrkdConfig:
    """Defaults are those of the quick preset; see `preset` for the others."""

    train: str = param(
        "head",
        "What is trained: heads on a frozen backbone, its last stage too, or all of it.",
        choices=("head", "last-stage", "all"),
        basic=True,
    )
    novel: int = param(
        0, "Number of new categories; 0 estimates it.", low=0, high=10_000, symbol="K", basic=True
    )
    prefer_splitting: bool = param(
        False, "Take the upper end of the estimated range: merging is easier.", basic=True
    )
    estimator: str = param(
        "density",
        "How the number is estimated.",
        choices=("density", "labelled_accuracy"),
    )
    gate: str = param(
        "on",
        "Set unlabelled items apart that are probably of a known category.",
        choices=("on", "off"),
        basic=True,
    )
    gate_hidden: float = param(
        0.05,
        "Part of the known categories hidden at a time to calibrate the gate.",
        low=0.01,
        high=0.5,
    )
    gate_error: float = param(
        0.05, "Part of a new category's items that may pass as known.", low=0, high=0.5
    )
    known_epochs: int = param(50, "Passes over labelled items in stage 1.", low=1, high=10_000)
    known_warmup: int = param(5, "Epochs of stage 1 with rising rate.", low=0, high=10_000)
    epochs: int = param(40, "Passes over all items in stage 2.", low=1, high=10_000, basic=True)
    warmup: int = param(10, "Epochs of stage 2 with rising rate.", low=0, high=10_000)
    least_steps: int = param(
        LEAST_STEPS, "Stage 2 gets more epochs until it has so many steps.", low=1, high=1_000_000
    )
    batch: int = param(
        512, "Items per step over all processes; at most half of the items.", low=4, high=1 << 16
    )
    lr: float = param(1e-3, "Peak learning rate.", low=0, high=1)
    min_lr: float = param(1e-4, "Learning rate at the start and at the end.", low=0, high=1)
    weight_decay: float = param(1.5e-4, "Weight decay.", low=0, high=1)
    held_out: float = param(
        0.1, "Part of the labelled items that stage 1 keeps to show its accuracy.", low=0, high=0.5
    )
    heads: int = param(2, "Novel heads.", low=1, high=16, symbol="H")
    hidden: int = param(512, "Hidden width of the novel heads.", low=2, high=1 << 16)
    projection: int = param(256, "Length of the novel heads' embeddings.", low=2, high=1 << 14)
    overcluster_factor: int = param(
        0, "A second set of heads with so many times K prototypes; 0: none.", low=0, high=10
    )
    reduce: int = param(
        128,
        "Look at so many directions in which the known categories hold together; 0: as published.",
        low=0,
        high=1 << 14,
    )
    start: str = param(
        "umap",
        "Where the new prototypes start: groups of the pool by k-means on a UMAP, by k-means, or "
        "random as published.",
        choices=("random", "kmeans", "umap"),
    )
    anchor: float = param(
        0.3,
        "Part of stage 2 that learns the groups of the start before it finds its own; 0: none.",
        low=0,
        high=1,
    )
    tau: float = param(0.1, "Temperature of predictions.", low=0.01, high=1, symbol="tau")
    temperature: float = param(
        4.0, "Further temperature of the distillation.", low=0.1, high=20, symbol="T"
    )
    alpha: float = param(
        0.1, "Weight of the distillation; 0 is UNO.", low=0, high=10, symbol="alpha", basic=True
    )
    detach_weight: bool = param(False, "Ablation: no gradient through the weight g.")
    kl: bool = param(False, "Ablation: divergence in place of cross-entropy.")
    epsilon: float = param(0.05, "Sharpness of the assignment.", low=0.01, high=1, symbol="epsilon")
    iterations: int = param(3, "Rounds of Sinkhorn.", low=1, high=100)
    sinkhorn_rows: str = param(
        "queue",
        "Balance over the batch alone, or with earlier items when it is small.",
        choices=("queue", "batch"),
    )
    prior_mix: float = param(
        0.0, "0: clusters of equal size; 1: of the sizes they have.", low=0, high=1, symbol="rho"
    )
    feature_dropout: float = param(0.1, "Features hidden from the student.", low=0, high=0.9)
    colour_matters: bool = param(True, "Categories differ in colour: keep hues.", basic=True)
    views: int = param(6, "Views kept per item.", low=2, high=64, symbol="V")
    crop_low: float = param(0.5, "Smallest part of the picture in a view.", low=0.01, high=1)
    jitter: float = param(0.2, "Strength of the colour jitter.", low=0, high=1)
    precision: str = param(
        "auto",
        "Numbers on a GPU; the CPU computes in float32.",
        choices=("auto", "float32", "bf16", "fp16"),
    )


def preset(name: str, items: int, train: str | None = None) -> CrkdConfig:
    """The configuration of a preset.

    Parameters
    ----------
    name : str
        ``quick`` (two cores) or ``full`` (GPU).
    items : int
        Not used: the batch follows the items of each stage.
    train : str, optional
        Overrides what the preset trains.
    """
    if name == "full":
        return CrkdConfig(train=train or "last-stage", hidden=2048, epochs=100, least_steps=500)
    return CrkdConfig(train=train or "head")

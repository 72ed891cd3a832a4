"""Hyper-parameters of ST-ProtoPNet. No torch here: forms and the command line read it."""

from __future__ import annotations

from dataclasses import dataclass

from fgvc_studio.methods.config import param

PRESETS = ("quick", "full")
LEAST_DIM, MOST_DIM = 64, 128
"""Bounds of a prototype's length where it follows the number of categories."""
HEAD_EPOCHS = 4
"""Of the quick preset where only the head trains: from its start values it then only overfits."""
FEW = 15
"""Training images of the smallest class below which a class gets `FEW_PROTOTYPES`."""
FEW_PROTOTYPES = 3
LEAST_IMAGES = 3
"""Classes with fewer images are refused."""
IMBALANCE = 5.0
"""Largest / smallest class above which ``balanced=auto`` draws classes evenly."""


@dataclass(frozen=True)
class StProtoConfig:
    """Defaults are those of the quick preset of ``last-stage``; see `preset` for the others."""

    train: str = param(
        "last-stage",
        "What is trained: heads on a frozen backbone, its last stage too, or all of it.",
        choices=("head", "last-stage", "all"),
        basic=True,
    )
    variant: str = param(
        "full",
        "Similarity: cosine for everything, or the cropped-image variant's projections.",
        choices=("full", "cropped"),
    )
    epochs: int = param(20, "Passes over the images.", low=1, high=10_000, basic=True)
    warm_epochs: int = param(5, "Of these, with the backbone at rest.", low=0, high=10_000)
    last_layer_epochs: int = param(
        10, "At most as many passes for the last layers.", low=0, high=1000
    )
    refit: bool = param(
        False,
        "Train on the validation images too, but for the audit's, with exactly last_layer_epochs.",
    )
    final_fit: str = param(
        "auto",
        "Choose on validation, then train on these images too; auto: where there is a split val.",
        choices=("auto", "yes", "no"),
    )
    audit_share: float = param(
        0.5,
        "Of the validation images, left out of the last fit too (at least 20 of them), so that "
        "what a ban does can be judged on images the model never saw.",
        low=0,
        high=1,
    )
    batch: int = param(64, "Images per step and process.", low=1, high=4096)
    lr_tail: float = param(1e-4, "Learning rate of the backbone's part.", low=0, high=1)
    lr_add_on: float = param(3e-3, "Learning rate of the add-on layers.", low=0, high=1)
    lr_prototypes: float = param(3e-3, "Learning rate of the prototypes.", low=0, high=1)
    lr_last: float = param(1e-3, "Learning rate of the last layers.", low=0, high=1)
    weight_decay: float = param(1e-4, "Of the backbone's part and the add-ons.", low=0, high=1)
    decay: str = param(
        "cosine",
        "How learning rates fall in the joint stage: to 1 %, or by 0.2 every decay_every epochs.",
        choices=("cosine", "step"),
    )
    decay_every: int = param(20, "Epochs between two falls.", low=1, high=10_000, unit="epochs")
    prototypes: int = param(
        0,
        "Per class and branch; 0 takes 5, or 3 when the smallest class has under 15 images.",
        low=0,
        high=100,
        symbol="K",
        basic=True,
    )
    dim: int = param(
        0,
        "Length of a prototype; 0 takes one less than there are categories, from 64 to 128.",
        low=0,
        high=4096,
        symbol="D",
    )
    map_upsample: int = param(1, "Enlargement of the maps.", low=1, high=4)
    add_on_init: str = param(
        "lda",
        "Start of the add-on layers: directions that vary most, that tell categories apart, or "
        "random ones.",
        choices=("pca", "lda", "kaiming"),
    )
    proto_init: str = param(
        "typical",
        "Start of the prototypes: k-means over the cells most typical of a category, over all its "
        "cells, or random.",
        choices=("typical", "kmeans", "uniform"),
    )
    cluster: float = param(0.8, "Pull of an image to its nearest own prototype.", low=0, high=100)
    separation_trivial: float = param(0.08, "Push from other classes, trivial.", low=0, high=100)
    separation_support: float = param(0.48, "Push from other classes, support.", low=0, high=100)
    orthogonality: float = param(1e-3, "Sister prototypes differ.", low=0, high=100)
    closeness: float = param(1.0, "Support prototypes near those of others.", low=0, high=100)
    discrimination: float = param(1.0, "Trivial prototypes far from others.", low=0, high=100)
    l1: float = param(1e-4, "Sparsity of other classes' weights.", low=0, high=1)
    close_nearest: int = param(
        0, "Only this many nearest pairs of classes for closeness; 0: all.", low=0, high=1 << 20
    )
    exact: bool = param(
        False, "Masks by zero, plain sums and a plain projection, as first published."
    )
    balanced: str = param(
        "auto",
        "Draw classes evenly; auto: when the largest has over 5 times the smallest.",
        choices=("auto", "yes", "no"),
    )
    random_views: int = param(4, "Random views kept per image (not for head).", low=0, high=64)
    temperature: float = param(
        0.0, "Of the calibrated probabilities; 0: fitted on validation.", low=0, high=1000
    )
    precision: str = param(
        "auto",
        "Numbers on a GPU; the CPU computes in float32.",
        choices=("auto", "float32", "bf16", "fp16"),
    )


def preset(name: str, items: int, train: str | None = None) -> StProtoConfig:
    """The configuration of a preset for a number of items.

    Parameters
    ----------
    name : str
        ``quick`` (two cores) or ``full`` (GPU).
    items : int
        Not used: on two cores the head is what there is time for.
    train : str, optional
        Overrides what the preset trains.
    """
    if name == "full":
        return StProtoConfig(
            train=train or "all",
            epochs=60,
            warm_epochs=10,
            batch=80,
            lr_last=1e-4,
            decay="step",
            map_upsample=2,
        )
    train = train or "head"
    if train == "head":
        return StProtoConfig(train=train, epochs=HEAD_EPOCHS)
    return StProtoConfig(train=train)

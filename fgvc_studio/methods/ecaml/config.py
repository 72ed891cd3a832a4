"""Hyper-parameters of ECAML. No torch here: forms and the command line read it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from fgvc_studio.methods.config import param

PRESETS = ("quick", "full")
AUTO = -1.0
LEAST_FOR_LDA = 10
"""Categories below which there is neither a discriminant start nor an honest estimate."""
LOOKS = 10
"""How often the hidden categories are looked at during a training."""
SEARCHED = (0.0, 0.05, 0.13, 0.5, 2.0, 5.0)
SEARCH_SEEDS = 3
_LR_TRUNK = {"head": 3e-5, "last-stage": 3e-5, "all": 1e-5}
_LDA_DIMS, _PCA_DIMS, _XAVIER_DIMS = 48, 128, 512


@dataclass(frozen=True)
class EcamlConfig:
    """Defaults are those of the quick preset; -1 chooses by what is trained and the start."""

    train: str = param(
        "head",
        "What is trained: an adapter on a frozen backbone, its last stage, or all of it.",
        choices=("head", "last-stage", "all"),
        basic=True,
    )
    steps: int = param(400, "Steps, rounded up to a multiple of ten.", low=1, high=1_000_000)
    base: str = param(
        "ntxent",
        "Metric loss.",
        choices=("ntxent", "multisim", "binomial", "npair", "triplet"),
        basic=True,
    )
    confusion: float = param(
        AUTO,
        "How strongly to confuse the named categories; 0 is plain metric learning.",
        low=AUTO,
        high=10,
        symbol="lambda",
        basic=True,
    )
    row_norm: float = param(
        0.5, "Weight that keeps the rows of the metric at length 1.", low=0, high=10, symbol="mu"
    )
    temperature: float = param(AUTO, "Temperature of ntxent.", low=AUTO, high=10, symbol="tau")
    init: str = param(
        "auto",
        "Start: shrunken discriminants, principal components, or random.",
        choices=("auto", "lda", "pca", "xavier"),
    )
    dim: int = param(0, "Length of the embedding; 0 chooses.", low=0, high=4096, symbol="E")
    neighbours: int = param(
        10,
        "Items without a name that are among each other's so many nearest count as alike; "
        "0: only names teach. Where the backbone stays as it is.",
        low=0,
        high=1000,
        basic=True,
        symbol="k",
    )
    groups: int = param(32, "Groups of such items per step.", low=0, high=4096)
    keep: float = param(
        0.5,
        "Weight of the space before the metric, kept beside it; 0: the metric alone.",
        low=0,
        high=10,
    )
    categories_per_batch: int = param(32, "Categories per step.", low=2, high=4096)
    per_category: int = param(4, "Items of each category per step.", low=2, high=64, symbol="m")
    lr_trunk: float = param(
        AUTO, "Peak learning rate of adapter or backbone part.", low=AUTO, high=1
    )
    lr_head: float = param(AUTO, "Peak learning rate of the metric.", low=AUTO, high=1)
    weight_decay: float = param(2e-4, "Weight decay of matrices.", low=0, high=1)
    warmup: float = param(0.05, "Part of the run with rising learning rate.", low=0, high=1)
    end: float = param(0.01, "Learning rate at the end, part of the peak.", low=0, high=1)
    clip: float = param(5.0, "Norm that all gradients together are clipped to; 0: none.", low=0)
    pairs: str = param(
        "all",
        "Pairs of the confusion: all, or drawn as the authors do.",
        choices=("all", "sampled"),
    )
    partners: int = param(10, "Drawn partners per item.", low=1, high=1000, symbol="r")
    confuse_trunk: bool = param(False, "Let the confusion teach the trunk too (ablation).")
    confuse_unit: bool = param(False, "Confuse embeddings of length 1 (ablation).")
    views: int = param(4, "Changed views kept per item, beside the plain one.", low=1, high=64)
    colour_matters: bool = param(True, "Categories differ in colour: keep hues.", basic=True)
    hide: float = param(
        0.2, "Part of the categories hidden to measure the gain.", low=0, high=0.5, basic=True
    )
    compare: bool = param(True, "Train without confusion too, to compare.")
    refit: bool = param(True, "At the end train on all categories for the best number of steps.")
    tune: bool = param(False, "Search the strength of the confusion on hidden categories.")
    precision: str = param(
        "auto",
        "Numbers on a GPU; the CPU computes in float32.",
        choices=("auto", "float32", "bf16", "fp16"),
    )

    @property
    def steps_per_look(self) -> int:
        """Steps between two looks at the hidden categories."""
        return -(-self.steps // self.looks)

    @property
    def looks(self) -> int:
        """Looks at the hidden categories."""
        return min(LOOKS, self.steps)


def preset(name: str, items: int, train: str | None = None) -> EcamlConfig:
    """The configuration of a preset; `items` changes nothing.

    Parameters
    ----------
    train : str, optional
        Overrides what the preset trains; the steps follow.
    """
    if name == "full":
        return EcamlConfig(train=train or "last-stage", steps=5000)
    train = train or "head"
    return EcamlConfig(train=train, steps=400 if train == "head" else 600)


def resolved(config: EcamlConfig, categories: int) -> EcamlConfig:
    """The configuration with everything chosen that was left to be chosen.

    Parameters
    ----------
    categories : int
        Those learned from. Below ten, and when all is trained, the start is ``pca``.
    """
    init = config.init
    if init == "auto":
        init = "pca" if config.train == "all" or categories < LEAST_FOR_LDA else "lda"
    gentle = init == "lda" and config.train == "head"
    dims = {"lda": min(_LDA_DIMS, categories - 1), "pca": _PCA_DIMS, "xavier": _XAVIER_DIMS}
    return dataclasses.replace(
        config,
        init=init,
        dim=config.dim or dims[init],
        confusion=_chosen(config.confusion, 2.0 if gentle else 0.1),
        temperature=_chosen(config.temperature, 0.3 if gentle else 0.1),
        lr_trunk=_chosen(config.lr_trunk, 3e-4 if gentle else _LR_TRUNK[config.train]),
        lr_head=_chosen(config.lr_head, 1e-4 if init == "lda" else 1e-3),
    )


def _chosen(value: float, otherwise: float) -> float:
    return otherwise if value < 0 else value

"""Hyper-parameters of CMD. No torch here: forms and the command line read it."""

from __future__ import annotations

from dataclasses import dataclass

from fgvc_studio.methods.config import param

PRESETS = ("quick", "full")
HEAD_EPOCHS = 3
"""Of the quick preset where only the head trains: more brought nothing from its start values."""
TAIL_EPOCHS = 5
TAIL_ITEMS = (1_000, 4_000)
"""Between so many items the quick preset trains the last stage too. Fewer give too few steps to
learn from; more take longer than a break on two cores (a tenth of a second each and epoch)."""
SHORT_RUN = 5000
"""Steps below which the teacher follows faster."""


@dataclass(frozen=True)
class CmdConfig:
    """Defaults are those of the quick preset of ``last-stage``; see `preset` for the others."""

    train: str = param(
        "last-stage",
        "What is trained: heads on a frozen backbone, its last stage too, or all of it.",
        choices=("head", "last-stage", "all"),
        basic=True,
    )
    epochs: int = param(TAIL_EPOCHS, "Passes over the items.", low=1, high=10_000, basic=True)
    batch: int = param(32, "Items per step and process.", low=1, high=4096)
    lr: float = param(1e-3, "Peak learning rate of heads, pool and adapter.", low=0, high=1)
    lr_tail: float = param(1e-4, "Peak learning rate of the backbone's part.", low=0, high=1)
    scale_lr: bool = param(False, "Multiply the learning rates by batch / 256.")
    min_lr: float = param(1e-6, "Learning rate at the end.", low=0, high=1)
    warmup: float = param(0.1, "Part of the run with rising learning rate.", low=0, high=1)
    weight_decay: float = param(0.04, "Weight decay at the start.", low=0, high=1)
    weight_decay_end: float = param(0.4, "Weight decay at the end.", low=0, high=1)
    clip: float = param(3.0, "Norm that each gradient tensor is clipped to; 0: none.", low=0)
    momentum: float = param(
        0.0,
        "How slowly the teacher follows; 0 chooses 0.99 below 5,000 steps, else 0.996.",
        low=0,
        high=1,
        symbol="m",
    )
    tau_student: float = param(0.1, "Student temperature.", low=0.01, high=1, symbol="tau_s")
    tau_teacher: float = param(0.07, "Teacher temperature.", low=0.01, high=1, symbol="tau_t")
    tau_start: float = param(0.04, "Teacher temperature at the start.", low=0.01, high=1)
    tau_warmup: float = param(0.1, "Part of the epochs until tau_t is reached.", low=0, high=1)
    centre_momentum: float = param(0.9, "Memory of the centres.", low=0, high=1)
    outputs: int = param(1024, "Outputs of the heads.", low=2, high=1 << 20, symbol="K")
    hidden: int = param(512, "Hidden width of the heads.", low=1, high=1 << 16)
    bottleneck: int = param(128, "Bottleneck of the heads.", low=1, high=1 << 16)
    attention_dim: int = param(128, "Width of the attention.", low=1, high=1 << 14)
    whiten: int = param(
        128,
        "Start from so many directions that views of one picture agree on; 0: as published.",
        low=0,
        high=1 << 16,
    )
    neighbours: int = param(
        10,
        "Items among each other's so many nearest count as alike at that start; 0: views alone.",
        low=0,
        high=1000,
    )
    pool: str = param(
        "attention",
        "How cells become one embedding; cls is for transformers.",
        choices=("attention", "gated", "mean", "cls"),
    )
    inter: float = param(
        0.1, "Weight of the inter-level terms; 0 is plain.", low=0, high=1, symbol="lambda"
    )
    inter_grad: str = param(
        "image",
        "What the inter-level term teaches.",
        choices=("image", "both", "bag", "teacher"),
    )
    colour_matters: bool = param(
        True, "Categories differ in colour: keep hues, never make grey views.", basic=True
    )
    global_views: int = param(4, "Large views kept per item.", low=2, high=64, symbol="G")
    local_views: int = param(8, "Small views kept per item.", low=0, high=256, symbol="L")
    local_per_step: int = param(4, "Small views used per step.", low=0, high=64, symbol="L_s")
    global_low: float = param(
        0.4, "Smallest part of the picture in a large view.", low=0.01, high=1
    )
    local_low: float = param(0.05, "Smallest part in a small view.", low=0.001, high=1)
    local_high: float = param(0.4, "Largest part in a small view.", low=0.001, high=1)
    token_dropout: float = param(0.1, "Cells hidden from the student.", low=0, high=0.9)
    drop_path: float = param(0.0, "Stochastic depth of the student.", low=0, high=0.9)
    precision: str = param(
        "auto",
        "Numbers on a GPU; the CPU computes in float32.",
        choices=("auto", "float32", "bf16", "fp16"),
    )


def preset(name: str, items: int, train: str | None = None) -> CmdConfig:
    """The configuration of a preset for a number of items.

    Parameters
    ----------
    name : str
        ``quick`` (two cores) or ``full`` (GPU).
    items : int
        How many take part: decides whether ``quick`` trains the last stage or the head.
    train : str, optional
        Overrides what the preset trains; batch and views follow.
    """
    if name == "full":
        return CmdConfig(
            train=train or "all",
            epochs=100,
            batch=64,
            lr=5e-4,
            lr_tail=5e-4,
            scale_lr=True,
            momentum=0.996,
            outputs=8192,
            hidden=2048,
            bottleneck=256,
            global_views=2 if (train or "all") == "all" else 4,
            local_views=8,
            local_per_step=8,
            colour_matters=False,
            token_dropout=0.0 if (train or "all") == "all" else 0.1,
            drop_path=0.1,
            whiten=0,
        )
    fewest, most = TAIL_ITEMS
    train = train or ("last-stage" if fewest <= items <= most else "head")
    if train == "head":
        return CmdConfig(train=train, batch=64, epochs=HEAD_EPOCHS)
    if train == "all":
        return CmdConfig(train=train, epochs=20, global_views=2, token_dropout=0.0)
    return CmdConfig(train=train)

"""What the settings of the methods are called where people read them: title, unit, what 0 means.

A setting that is missing here is called by its name.
"""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    """Words of one setting; `zero` where 0 is no number."""

    title: str = ""
    unit: str = ""
    zero: str = ""


_SHARED = {
    "train": Words("What is trained"),
    "precision": Words("Precision of numbers"),
}
_OF: dict[str, dict[str, Words]] = {
    "CmdConfig": {
        "batch": Words("Items per step"),
        "lr": Words("Learning rate"),
        "lr_tail": Words("Learning rate of the backbone"),
        "scale_lr": Words("Learning rates follow the batch"),
        "min_lr": Words("Learning rate at the end"),
        "warmup": Words("Warm-up", "of the run"),
        "weight_decay": Words("Weight decay"),
        "weight_decay_end": Words("Weight decay at the end"),
        "clip": Words("Gradient limit", zero="none"),
        "momentum": Words("Memory of the teacher", zero="automatic"),
        "tau_student": Words("Student temperature"),
        "tau_teacher": Words("Teacher temperature"),
        "tau_start": Words("Teacher temperature at the start"),
        "tau_warmup": Words("Warm-up of the teacher temperature", "of the epochs"),
        "centre_momentum": Words("Memory of the centres"),
        "outputs": Words("Outputs of the heads"),
        "hidden": Words("Width of the heads"),
        "bottleneck": Words("Bottleneck of the heads"),
        "attention_dim": Words("Width of the attention"),
        "whiten": Words("Directions at the start", zero="as published"),
        "neighbours": Words("Neighbours that count as alike", zero="none"),
        "pool": Words("Cells become an embedding by"),
        "inter": Words("Inter-level weight", zero="off"),
        "inter_grad": Words("Inter-level term teaches"),
        "global_views": Words("Large views kept per item"),
        "local_views": Words("Small views kept per item"),
        "local_per_step": Words("Small views per step"),
        "global_low": Words("Smallest large view", "of the picture"),
        "local_low": Words("Smallest small view", "of the picture"),
        "local_high": Words("Largest small view", "of the picture"),
        "token_dropout": Words("Cells hidden from the student"),
        "drop_path": Words("Blocks skipped by the student"),
    },
    "CrkdConfig": {
        "novel": Words("Number of new categories", zero="estimated"),
        "estimator": Words("How the number is estimated"),
        "gate": Words("Gate for known categories"),
        "gate_hidden": Words("Known categories hidden for the gate", "of them"),
        "gate_error": Words("Passed as known by mistake", "at most"),
        "known_epochs": Words("Epochs on known categories"),
        "known_warmup": Words("Warm-up on known categories", "epochs"),
        "warmup": Words("Warm-up", "epochs"),
        "least_steps": Words("Steps at least"),
        "batch": Words("Items per step"),
        "lr": Words("Learning rate"),
        "min_lr": Words("Learning rate at the end"),
        "held_out": Words("Labelled items kept aside", "of them"),
        "heads": Words("Heads for new categories"),
        "hidden": Words("Width of the heads"),
        "projection": Words("Length of the embeddings"),
        "overcluster_factor": Words("Finer second heads", "times K", "none"),
        "reduce": Words("Directions looked at", zero="as published"),
        "start": Words("Start of the prototypes"),
        "anchor": Words("Learns the first groups", "of stage 2", "none"),
        "tau": Words("Temperature of predictions"),
        "temperature": Words("Temperature of the distillation"),
        "alpha": Words("Weight of the distillation", zero="off"),
        "detach_weight": Words("No gradient through the weight"),
        "kl": Words("Divergence instead of cross-entropy"),
        "epsilon": Words("Sharpness of the assignment"),
        "iterations": Words("Rounds of balancing"),
        "sinkhorn_rows": Words("Balanced over"),
        "prior_mix": Words("Unequal sizes allowed", zero="equal sizes"),
        "feature_dropout": Words("Features hidden from the student"),
        "views": Words("Views kept per item"),
        "crop_low": Words("Smallest view", "of the picture"),
        "jitter": Words("Strength of colour changes"),
        "prefer_splitting": Words("Rather too many than too few"),
    },
    "EcamlConfig": {
        "base": Words("Metric loss"),
        "confusion": Words("Strength of the confusion"),
        "row_norm": Words("Weight of the row length", zero="off"),
        "temperature": Words("Temperature of NT-Xent"),
        "init": Words("Start"),
        "dim": Words("Length of the embedding", zero="automatic"),
        "categories_per_batch": Words("Categories per step"),
        "per_category": Words("Items per category and step"),
        "lr_trunk": Words("Learning rate of the trunk"),
        "lr_head": Words("Learning rate of the metric"),
        "warmup": Words("Warm-up", "of the run"),
        "end": Words("Learning rate at the end", "of the peak"),
        "clip": Words("Gradient limit", zero="none"),
        "pairs": Words("Pairs that are confused"),
        "partners": Words("Partners drawn per item"),
        "confuse_trunk": Words("Confusion teaches the trunk too"),
        "confuse_unit": Words("Confuse embeddings of length 1"),
        "views": Words("Changed views kept per item"),
        "hide": Words("Categories kept aside", "of them", "none"),
        "compare": Words("Train without confusion too"),
        "refit": Words("Train on all categories at the end"),
        "tune": Words("Search the strength"),
        "neighbours": Words("Neighbours that count as alike", zero="only names teach"),
        "groups": Words("Groups of unnamed items per step"),
        "keep": Words("Weight of the space before", zero="the metric alone"),
    },
    "StProtoConfig": {
        "variant": Words("Similarity"),
        "warm_epochs": Words("Warm epochs"),
        "last_layer_epochs": Words("Epochs of the last layers"),
        "refit": Words("Train on validation items too"),
        "final_fit": Words("Second fit on all items"),
        "batch": Words("Items per step"),
        "lr_tail": Words("Learning rate of the backbone"),
        "lr_add_on": Words("Learning rate of the add-on layers"),
        "lr_prototypes": Words("Learning rate of the prototypes"),
        "lr_last": Words("Learning rate of the last layers"),
        "decay": Words("Fall of the learning rates"),
        "decay_every": Words("Between two falls"),
        "prototypes": Words("Prototypes per category and branch", zero="automatic"),
        "dim": Words("Length of a prototype", zero="automatic"),
        "map_upsample": Words("Enlargement of the maps", "times"),
        "add_on_init": Words("Start of the add-on layers"),
        "proto_init": Words("Start of the prototypes"),
        "cluster": Words("Pull to own prototypes"),
        "separation_trivial": Words("Push from other categories, trivial"),
        "separation_support": Words("Push from other categories, support"),
        "orthogonality": Words("Sister prototypes differ"),
        "closeness": Words("Support prototypes near others"),
        "discrimination": Words("Trivial prototypes far from others"),
        "l1": Words("Sparsity of the last layers"),
        "close_nearest": Words("Nearest pairs for closeness", zero="all"),
        "exact": Words("Exactly as first published"),
        "balanced": Words("Draw categories evenly"),
        "random_views": Words("Random views kept per item"),
        "temperature": Words("Temperature of probabilities", zero="fitted"),
        "audit_share": Words("Validation items kept for the audit", "of them"),
    },
}


def words_of(config: str, setting: str) -> Words:
    """Words of a setting of a configuration class."""
    return _OF.get(config, {}).get(setting) or _SHARED.get(setting, Words())

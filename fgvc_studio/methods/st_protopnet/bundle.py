"""A finished run as plain arrays: prototypes, weights, sources. No torch: views read it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.prototypes import BRANCHES

MODEL, FACTS = "model.safetensors", "model.json"
_KEY = "/net/branches.{}.{}"

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Bundle:
    """What is known of a model's 2P prototypes, trivial ones first.

    Attributes
    ----------
    model : str
        SHA-256 (hex) of the weights.
    category_ids : ndarray (C,) int64
        Category of the project of each class.
    per_class, dim, upsample : int
        K, D, enlargement of the maps.
    vectors : ndarray (2P, D) float32
        Unit length.
    weights : ndarray (C, 2P) float32
        Of both last layers.
    sources : ndarray (2P, 3) int64
        Run's item number, row, column.
    source_scores : ndarray (2P,) float32
    runners_up : tuple of ndarray (n, 4)
        Item number, row, column, score of each prototype's next best patches.
    relaxed : tuple of str
        The rule of the projection that was given up for each; empty as a rule.
    unknown : ndarray (C,) float64
        Best own-class score below which an item looks like nothing known.
    training, validation : ndarray int64
        Item numbers of the run.
    """

    folder: Path
    model: str
    names: tuple[str, ...]
    category_ids: Ints
    per_class: int
    dim: int
    variant: str
    train: str
    upsample: int
    vectors: Floats
    weights: Floats
    sources: Ints
    source_scores: Floats
    runners_up: tuple[NDArray[np.float64], ...]
    relaxed: tuple[str, ...]
    temperature: float
    unknown: NDArray[np.float64]
    calibrated_on: str
    calibration_error: float
    evaluation: Mapping[str, Mapping[str, float]]
    training: Ints
    validation: Ints

    @property
    def count(self) -> int:
        """2P."""
        return len(self.vectors)

    @property
    def classes(self) -> Ints:
        """Class of each prototype, (2P,)."""
        one = np.arange(self.count // 2, dtype=np.int64) // self.per_class
        return np.concatenate([one, one])

    @property
    def categories(self) -> Ints:
        """Category of the project of each prototype, (2P,)."""
        found: Ints = self.category_ids[self.classes]
        return found

    def branch(self, prototype: int) -> str:
        """Name of a prototype's branch."""
        return BRANCHES[prototype // (self.count // 2)]

    def place(self, prototype: int) -> tuple[str, int]:
        """Branch and number in the branch."""
        return self.branch(prototype), prototype % (self.count // 2)

    def of_branch(self, name: str) -> slice:
        """The ids of a branch."""
        half = self.count // 2
        return slice(0, half) if name == BRANCHES[0] else slice(half, 2 * half)

    def sisters(self, prototype: int) -> list[int]:
        """The other prototypes of the same category and branch."""
        first = prototype - prototype % (self.count // 2) % self.per_class
        return [p for p in range(first, first + self.per_class) if p != prototype]

    def logits(self, scores: NDArray[np.floating]) -> Floats:
        """Scores (n, 2P) -> logits (n, C): one matrix product."""
        found: Floats = np.asarray(scores, np.float32) @ self.weights.T
        return found

    def class_of(self, category_ids: NDArray[np.integer]) -> Ints:
        """Class of each category, -1 for those that the model does not know."""
        order = np.argsort(self.category_ids, kind="stable")
        at = np.searchsorted(self.category_ids[order], category_ids)
        at = np.minimum(at, len(order) - 1)
        known = self.category_ids[order][at] == category_ids
        return np.where(known, order[at], -1).astype(np.int64)

    def check(self, prototype: int) -> int:
        """A prototype's id, if there is one.

        Raises
        ------
        UserError
            There is none of that number.
        """
        if not 0 <= prototype < self.count:
            raise UserError(
                f"There is no prototype {prototype}.", f"This model has 0 to {self.count - 1}."
            )
        return int(prototype)


def read(folder: Path) -> Bundle:
    """Read the bundle of a finished run.

    Raises
    ------
    UserError
        Missing or damaged files.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as load_tensors

    try:
        facts = json.loads((folder / FACTS).read_text("utf-8"))
        data = (folder / MODEL).read_bytes()
        return _bundle(folder, facts, data, load_tensors(data))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise UserError(
            f"The model of the run {folder.name} cannot be read.", "Train again."
        ) from error


def _bundle(folder: Path, facts: dict[str, Any], data: bytes, tensors: dict[str, Any]) -> Bundle:
    vectors = np.concatenate([tensors[_KEY.format(b, "prototypes")] for b in BRANCHES])
    weights = [tensors[_KEY.format(b, "last")] * tensors[_KEY.format(b, "on")] for b in BRANCHES]
    own = np.array(facts["category_ids"], np.int64)
    if len(own) != len(facts["names"]):
        raise ValueError("categories")
    entries = sorted(
        facts["prototypes"], key=lambda e: (BRANCHES.index(e["branch"]), e["prototype"])
    )
    source = [e["source"] for e in entries]
    calibration, config = facts["calibration"], facts["config"]
    return Bundle(
        folder=folder,
        model=hashlib.sha256(data).hexdigest(),
        names=tuple(facts["names"]),
        category_ids=own,
        per_class=int(facts["shape"]["per_class"]),
        dim=int(facts["shape"]["dim"]),
        variant=str(config["variant"]),
        train=str(config["train"]),
        upsample=int(config["map_upsample"]),
        vectors=_units(np.asarray(vectors, np.float32)),
        weights=np.ascontiguousarray(np.concatenate(weights, 1), np.float32),
        sources=np.array([[s["image"], s["row"], s["column"]] for s in source], np.int64),
        source_scores=np.array([s["score"] for s in source], np.float32),
        runners_up=tuple(
            np.array(
                [[p["image"], p["row"], p["column"], p["score"]] for p in e["runners_up"]],
                np.float64,
            ).reshape(-1, 4)
            for e in entries
        ),
        relaxed=tuple(str(e.get("relaxed", "")) for e in entries),
        temperature=float(calibration["temperature"]),
        unknown=np.array(calibration["unknown"], np.float64),
        calibrated_on=str(calibration["images"]),
        calibration_error=float(calibration["error"]),
        evaluation=facts["evaluation"],
        training=np.array(facts.get("training", ()), np.int64),
        validation=np.array(facts.get("validation", ()), np.int64),
    )


def _units(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: Floats = (vectors / np.maximum(length, 1e-12)).astype(np.float32)
    return found


def without(bundle: Bundle, off: Ints) -> Bundle:
    """The bundle with prototypes switched off: their columns of the weights are 0."""
    weights = bundle.weights.copy()
    weights[:, off] = 0
    return replace(bundle, weights=weights)

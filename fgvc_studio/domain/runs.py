"""Training runs: what a trainer reports on the way and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    """Started and not finished: at work, stopped or killed; it can be resumed."""
    FINISHED = "finished"
    KEPT = "kept"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class StepReport:
    """One report of a trainer; the driver may stop after any with ``safe_point``.

    Attributes
    ----------
    step : int
        Steps done, 1 .. total.
    epoch : int
        Epoch of this step, from 0.
    losses : mapping
        Name -> value of this step.
    diagnostics : mapping
        Name -> value; empty but at the end of an epoch.
    alarms : tuple of str
        What has gone wrong, in words.
    """

    step: int
    total: int
    epoch: int
    losses: Mapping[str, float]
    images_per_s: float
    safe_point: bool = True
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One run of a method in a project.

    Attributes
    ----------
    id : str
        Folder name under ``runs/``.
    space : str
        The space it made or will make; empty when the method makes none.
    base_space : str
        The frozen space that it is compared with.
    created, seconds : float
        Unix time of the start; time spent at work so far.
    """

    id: str
    method: str
    state: RunState
    preset: str
    train: str
    seed: int
    backbone: str
    space: str
    base_space: str
    created: float
    seconds: float = 0.0
    step: int = 0
    total: int = 0
    items: int = 0
    splits: tuple[str, ...] = ()
    config: Mapping[str, object] = field(default_factory=dict)


Metrics = Mapping[str, Mapping[str, float]]
"""Metric name -> ``{"value", "low", "high", "n"}``; fractions with 95 % intervals."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was made beside what was there before, over the same items.

    Attributes
    ----------
    protocol : str
        Who was compared with whom, in words.
    verdict : str
        Whether it is better, in plain words.
    better : bool or None
        None when nothing could be measured.
    metrics, baseline : mapping
        Of what was made, and of what was there.
    difference : mapping
        What was made - what was there, paired by query.
    """

    protocol: str
    verdict: str
    better: bool | None = None
    metrics: Metrics = field(default_factory=dict)
    baseline: Metrics = field(default_factory=dict)
    difference: Metrics = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunCard:
    """What a run was and what came of it, as kept in ``card.json``.

    Attributes
    ----------
    data : mapping
        ``fingerprint``, ``items``, ``splits``, ``left_out``, ``protocol``.
    config : mapping
        Every hyper-parameter by name.
    metrics, baseline : mapping
        Metric name -> ``{"value", "low", "high", "n"}`` of the trained and the frozen space.
    difference : mapping
        Metric name -> paired difference trained - frozen with its interval.
    verdict : str
        Whether the trained space is better than the frozen one, in plain words.
    findings : mapping
        Further comparisons by title, e.g. on categories that were hidden from training.
    blind_test : mapping
        Score of the expert's blind test between both spaces; empty when none was done.
    """

    run: str
    method: str
    seed: int
    code_version: str
    backbone: Mapping[str, object]
    data: Mapping[str, object]
    config: Mapping[str, object]
    times: Mapping[str, float]
    losses: Mapping[str, float]
    diagnostics: Mapping[str, float]
    alarms: tuple[str, ...]
    metrics: Metrics
    baseline: Metrics
    difference: Metrics
    better: bool | None
    verdict: str
    notes: tuple[str, ...] = ()
    findings: Mapping[str, Comparison] = field(default_factory=dict)
    blind_test: Mapping[str, object] = field(default_factory=dict)

"""Cards of finished runs for those who only look."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from fgvc_studio.domain.runs import RunCard, TrainingRun
from fgvc_studio.services.runs import CARD

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

READOUT = "readout.json"


def cards(studio: Studio, runs: Iterable[TrainingRun]) -> dict[str, RunCard]:
    """Run id -> card, of those that have one that can be read."""
    found = {}
    for run in runs:
        path = studio.training.runs.folder(run.id) / CARD
        try:
            found[run.id] = msgspec.json.decode(path.read_bytes(), type=RunCard)
        except (OSError, msgspec.DecodeError):
            continue
    return found


def readout(studio: Studio, run_id: str) -> dict[str, Any]:
    """What a run says of single categories (ECAML); empty when it says nothing."""
    path = studio.training.runs.folder(run_id) / READOUT
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

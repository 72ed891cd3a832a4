"""What is known of one prototype, as the pane beside the gallery shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.prototypes import Patch, Prototype


@dataclass(frozen=True, slots=True, eq=False)
class PrototypeFacts:
    """Read in the background, about one prototype.

    Attributes
    ----------
    train, rest : sequence of Patch
        Best patches in the items of the training and in all others, one per item.
    histogram : (edges, own, others)
    weights : sequence of (category id, weight)
    sisters : sequence of (Prototype, cosine)
        Of the same category and branch, the likest first.
    """

    id: int
    train: Sequence[Patch]
    rest: Sequence[Patch]
    histogram: tuple[NDArray[np.floating], NDArray[np.integer], NDArray[np.integer]]
    weights: Sequence[tuple[int, float]]
    sisters: Sequence[tuple[Prototype, float]]

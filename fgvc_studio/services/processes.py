"""Several processes of one run, as ``torchrun`` or ``accelerate launch`` start them."""

from __future__ import annotations

import os


def process_rank() -> int:
    """Number of this process among those of the run; only the first, 0, writes."""
    return int(os.environ.get("RANK", "0"))

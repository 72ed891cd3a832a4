"""What the tiles of Browse say about their items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.gui.widgets.grid_paint import GridBadges
from fgvc_studio.services.catalogue import Catalogue


def badges(catalogue: Catalogue, ids: NDArray[np.int64]) -> GridBadges:
    """Captions, colours and marks of items ``(K,)``, read from the columns."""
    columns = catalogue.columns
    rows = ids - 1
    category = columns.category[rows]
    return GridBadges(
        [catalogue.short_name(int(c)) if c else "" for c in category],
        np.where(category > 0, category - 1, -1).astype(np.int32),
        columns.source[rows],
        columns.confidence[rows],
        columns.marks[rows],
        columns.duplicate[rows],
    )

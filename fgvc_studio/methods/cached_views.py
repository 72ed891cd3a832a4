"""The views of a run's pictures on disk: filled before the training, deleted after it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np

from fgvc_studio.domain.records import Progress, Skipped
from fgvc_studio.methods.loop import Rows
from fgvc_studio.methods.runtime import Runtime
from fgvc_studio.vision.view_cache import ViewCache
from fgvc_studio.vision.views import Pictures

_FREE_EVERY = 64
"""Pictures between two looks at the room on the disk."""


class CachedViews:
    """Fills a cache, each process its part of it.

    Attributes
    ----------
    skipped : list of Skipped
        Pictures that could not be read.
    """

    def __init__(self, pictures: Pictures, cache: ViewCache, runtime: Runtime) -> None:
        self._pictures, self._cache, self._runtime = pictures, cache, runtime
        self.skipped: list[Skipped] = []

    @property
    def estimate(self) -> dict[str, int]:
        """What the expert is told before the start: items, views per item, bytes on disk."""
        return {
            "items": len(self._pictures),
            "views_per_item": sum(kind.views for kind in self._cache.kinds.values()),
            "cache_bytes": self._cache.total_bytes,
            "cache_bytes_to_write": self._cache.needed_bytes,
        }

    def fill(self) -> Iterator[Progress]:
        """Fill the cache, going on where it was; may be left after any report.

        Raises
        ------
        UserError
            The disk is nearly full.
        """
        cache, world, n = self._cache, self._runtime.world, len(self._pictures)
        cache.open()
        missing = cache.missing()
        done = n - len(missing)
        text = f"Preparing views ({cache.total_bytes / 1e6:,.0f} MB)"
        yield Progress(done, n, text)
        for count, (row, reason) in enumerate(cache.fill(missing[self._runtime.rank :: world]), 1):
            if reason:
                self.skipped.append(Skipped(str(self._pictures.paths[row]), reason))
            if count % _FREE_EVERY == 0:
                cache.check_disk()
            yield Progress(done + count * world, n, text)
        cache.flush()
        self._runtime.wait()

    def readable(self) -> Rows:
        """Rows whose pictures could be read, ascending."""
        return np.setdiff1d(np.arange(len(self._pictures)), self._cache.unreadable())

    def drop(self) -> None:
        """Delete the cache."""
        self._cache.close()
        shutil.rmtree(self._cache.folder, ignore_errors=True)

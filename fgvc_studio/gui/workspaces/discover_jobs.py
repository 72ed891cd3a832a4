"""The long work of Discover: estimating how many groups there are, and finding them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from fgvc_studio.domain.clusters import Discovery
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress
from fgvc_studio.gui import preferences
from fgvc_studio.gui.job_thread import Job, JobState, Work
from fgvc_studio.gui.widgets.discover_start import Choice, DiscoverStart, Request
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.services.studio import Studio

Ids = NDArray[np.int64]
_KEYS = ("discover estimate", "discover groups")
CRKD = "crkd"


class DiscoverJobs(QObject):
    """Between the start page and the job queue.

    `found` tells that a discovery was proposed; `beside_found` that one was to compare, with the
    id of that under review.
    """

    found = Signal()
    beside_found = Signal(int)

    def __init__(self, context: Context, page: DiscoverStart, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context
        self._page = page
        page.estimate_wanted.connect(self.estimate)
        page.started.connect(self.start)
        page.stop_wanted.connect(self.stop)
        page.embed_wanted.connect(lambda: context.actions.run("space.embed"))
        for signal in (context.jobs.added, context.jobs.changed, context.jobs.ended):
            signal.connect(self._show_job)
        context.selection.changed.connect(self.refresh_pools)
        context.bridge.space_changed.connect(lambda _e: self.refresh())

    def close(self) -> None:
        """Stop listening to what outlives the project."""
        jobs = self._context.jobs
        for signal in (jobs.added, jobs.changed, jobs.ended):
            signal.disconnect(self._show_job)
        self._context.selection.changed.disconnect(self.refresh_pools)

    # ---- what can be chosen ----------------------------------------------------------------
    def refresh(self) -> None:
        """Say anew what there is."""
        embedding = self._context.studio.embedding
        names = [s.name for s in embedding.spaces() if s.done]
        self._page.set_spaces(names, embedding.default_space() or "")
        category = self._context.studio.catalogue.category
        self._page.set_named(len(np.unique(category[category > 0])))
        self.refresh_pools()

    def refresh_pools(self) -> None:
        """Count the items of each choice."""
        if self._page.isVisible():
            pools = {key: len(self.pool(key)) for key in DiscoverStart.POOLS}
            self._page.set_pools(*pools.values(), self._context.studio.catalogue.n)

    def pool(self, key: str) -> Ids:
        """Unlabelled items of a choice."""
        category = self._context.studio.catalogue.category
        if key == "selection":
            ids = self._context.selection.ids
        elif key == "filter":
            shown = self._context.browsed()
            ids = np.empty(0, np.int64) if shown is None else np.asarray(shown, np.int64)
        else:
            return np.flatnonzero(category == 0).astype(np.int64) + 1
        ids = ids[(ids > 0) & (ids <= len(category))]
        return np.sort(ids[category[ids - 1] == 0])

    def _items(self, request: Request) -> Ids | None:
        return None if request.pool == "unlabelled" else self.pool(request.pool)

    # ---- jobs ------------------------------------------------------------------------------
    def estimate(self, request: Request) -> Job:
        """Estimate the number of groups."""
        review, items = self._context.studio.review, self._items(request)
        return self._context.jobs.add(
            self.tr("Estimate how many groups there are"),
            lambda: review.estimate(space=request.space or None, items=items),
            self._page.show_curve,
            key=_KEYS[0],
        )

    def start(self, request: Request) -> Job:
        """Find groups."""
        return self._find(request, self._items(request), lambda _result: self.found.emit())

    def beside(self, method: str, found: Discovery) -> Job:
        """The same items grouped by a plain method, to compare."""
        items = self._context.studio.review.free_items(found.id)
        request = Request(method, "unlabelled", found.space, found.clusters)
        return self._find(request, items, lambda _result: self.beside_found.emit(found.id))

    def stop(self) -> None:
        """Stop what the page waits for."""
        jobs = self._context.jobs
        for job in [j for j in jobs.jobs if j.key in _KEYS and not j.state.ended]:
            jobs.cancel(job)

    def _find(self, request: Request, items: Ids | None, done: Callable[[object], None]) -> Job:
        title = next((b.text() for k, b in self._page.methods.items() if k == request.method), "")
        return self._context.jobs.add(
            self.tr("Find groups: {method}").format(method=title),
            self._work(request, items),
            done,
            key=_KEYS[1],
        )

    def _work(self, request: Request, items: Ids | None) -> Work:
        studio = self._context.studio
        space = request.space or None
        if request.method == CRKD:
            settings = {"novel": request.count} if request.count else None
            preset = request.preset or "quick"
            threads = preferences.cores_for_jobs()
            return lambda: _trained(
                studio, preset=preset, space=space, settings=settings, threads=threads
            )
        return lambda: studio.review.group(
            request.method, space=space, count=request.count, items=items
        )

    def _show_job(self, job: Job) -> None:
        """Say on the page how far it is."""
        if job.key not in _KEYS:
            return
        stops = job.state is JobState.STOPPING
        busy = stops or job.state in (JobState.WAITING, JobState.RUNNING, JobState.PAUSED)
        self._page.stop.setEnabled(not stops)
        text = job.title
        if busy and job.report is not None and job.report.text:
            text = f"{job.title}: {job.report.text}"
        self._page.set_busy(text if busy else "", job.fraction)


def _trained(studio: Studio, **chosen: Any) -> Generator[Progress, None, object]:
    """A run of Cr-KD, and plain groupings of the same items beside what it found."""
    from fgvc_studio.services import review_compare

    made = yield from studio.training.run(CRKD, **chosen)
    found = studio.review.current()
    if made is not None and found is not None and found.run == made.run:
        yield from review_compare.beside(studio, found)
    return made


def offered(tr: Callable[[str], str]) -> list[Choice]:
    """The methods to choose from; Cr-KD where it is there."""
    from fgvc_studio.methods import registry

    made = []
    try:
        presets = registry.get(CRKD).presets
    except UserError:
        pass
    else:
        made.append(
            Choice(
                CRKD,
                tr("Cr-KD: learns from what is named"),
                tr(
                    "Trains a small network on your labels and tells which known categories each "
                    "group is like. Takes minutes; looks at all photos without a label."
                ),
                presets,
            )
        )
    made += [
        Choice(
            "guided",
            tr("UMAP + k-means, guided by what is named"),
            tr(
                "Looks for the differences that tell your named categories apart. Needs five of "
                "them; takes seconds."
            ),
        ),
        Choice(
            "umap-kmeans",
            tr("UMAP + k-means"),
            tr("Groups that hang together, of any shape. Good where little is named."),
        ),
        Choice("kmeans", tr("k-means"), tr("Round groups of about equal size. The fastest.")),
        Choice(
            "hdbscan",
            tr("HDBSCAN"),
            tr("Dense groups only; finds their number itself and leaves stragglers out."),
        ),
    ]
    return made

"""Looking around in a space: maps, groups, look-alikes, regions, suggestions."""

from __future__ import annotations

import time
from collections.abc import Generator
from functools import partial
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.embeddings import EmbeddingSpace, Map2D, Neighbours
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import Event, ItemsAdded, MapChanged, SpaceChanged
from fgvc_studio.domain.records import Box, Progress

if TYPE_CHECKING:
    from PIL import Image

    from fgvc_studio.analysis.compact import CompactSpace
    from fgvc_studio.services.process_lane import ProcessLane
    from fgvc_studio.services.studio import Studio

MAP_NEIGHBOURS = 15
VOTES = 10
MAP_MIN_DIST = 0.5
"""Islands that fill the plane: easier to look at and to lasso than tight knots."""
_EPOCHS = ((5_000, 300), (50_000, 200), (1 << 62, 120))
TEMPERATURE = 0.07
REGION_CANDIDATES = 48


class Exploring:
    """Maps and neighbours over the spaces of a project.

    Parameters
    ----------
    studio : Studio
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._spaces: dict[str, EmbeddingSpace] = {}
        self._finders: dict[str, CompactSpace] = {}
        self._lock = RLock()
        self._lane: ProcessLane | None = None
        studio.bus.subscribe(self._handle)

    def close(self) -> None:
        """Drop the memmaps and end the helper process."""
        with self._lock:
            self._forget(*self._spaces)
            if self._lane is not None:
                self._lane.close()
                self._lane = None

    def lane(self) -> ProcessLane:
        """The helper process; started on first use."""
        from fgvc_studio.services.process_lane import ProcessLane

        with self._lock:
            if self._lane is None:
                self._lane = ProcessLane()
            return self._lane

    def space(self, name: str | None = None) -> EmbeddingSpace:
        """A space with its vectors (the default one without a name); kept open."""
        found = self._studio.embedding.space(name)
        with self._lock:
            if found not in self._spaces:
                self._spaces[found] = self._studio.store.arrays.open_space(found)
            return self._spaces[found]

    def _handle(self, event: Event) -> None:
        if isinstance(event, SpaceChanged):
            with self._lock:
                self._forget(event.name)
        elif isinstance(event, ItemsAdded):
            with self._lock:
                self._forget(*self._spaces)

    def _forget(self, *names: str) -> None:
        for name in names:
            self._spaces.pop(name, None)
            finder = self._finders.pop(name, None)
            if finder is not None:
                finder.close()

    def _finder(self, opened: EmbeddingSpace) -> CompactSpace:
        from fgvc_studio.analysis.compact import CompactSpace

        name = opened.info.name
        with self._lock:
            finder = self._finders.get(name)
            if finder is None or finder.vectors is not opened.vectors:
                finder = CompactSpace(opened.vectors)
                if self._spaces.get(name) is opened:
                    self._finders[name] = finder
            return finder

    # ---- maps ------------------------------------------------------------------------------
    def map(
        self, space: str | None = None, method: str = "umap", *, seed: int = 0
    ) -> Generator[Progress, None, Map2D]:
        """Make the map of a space and keep it; ``pca`` takes moments, ``umap`` longer.

        Raises
        ------
        UserError
            Fewer than three embedded items, or an unknown method.
        """
        from fgvc_studio.analysis import clustering, projection

        if method not in ("pca", "umap"):
            raise UserError(f"There is no map method {method}.", "Use pca or umap.")
        opened = self.space(space)
        name, n = opened.info.name, len(opened.item_ids)
        if n < 3:
            raise UserError(
                f"The space {name} holds {n} items; a map needs 3.", "Embed more images first."
            )
        yield Progress(0, n, "Projecting")
        if method == "pca" or n < MAP_NEIGHBOURS + 2:
            xy = projection.pca(opened.vectors, 2, seed=seed)
            yield Progress(n // 2, n, "Grouping")
            k = int(np.clip(np.sqrt(n / 2), 2, 60))
            groups = clustering.kmeans(opened.vectors, min(k, n), seed=seed)
        else:
            rows, scores = yield from self._graph(opened)
            epochs = next(e for top, e in _EPOCHS if n <= top)
            layout = partial(projection.umap_map, seed=seed, epochs=epochs, min_dist=MAP_MIN_DIST)
            xy = yield from self.lane().run(
                layout, opened.vectors, rows, scores, title="Laying out the map (UMAP)"
            )
            groups = yield from self.lane().run(clustering.groups, xy, title="Grouping the map")
        made = Map2D(name, method, np.asarray(xy, np.float32), opened.item_ids, groups)
        self._studio.store.arrays.save_map(made)
        self._studio.bus.publish(MapChanged(name, method))
        return made

    def _graph(
        self, opened: EmbeddingSpace
    ) -> Generator[Progress, None, tuple[NDArray[np.int64], NDArray[np.float32]]]:
        from fgvc_studio.analysis import neighbours

        n = len(opened.item_ids)
        rows: list[NDArray[np.int64]] = []
        scores: list[NDArray[np.float32]] = []
        started = time.monotonic()
        for start, block_rows, block_scores in neighbours.knn_blocks(
            opened.vectors, MAP_NEIGHBOURS
        ):
            rows.append(block_rows)
            scores.append(block_scores)
            done = start + len(block_rows)
            rate = done / max(time.monotonic() - started, 1e-9)
            yield Progress(done // 2, n, "Finding neighbours", rate)
        return np.concatenate(rows), np.concatenate(scores)

    def load_map(self, space: str | None = None, method: str | None = None) -> Map2D | None:
        """The best map at hand (UMAP before PCA), new items placed by their neighbours."""
        from fgvc_studio.analysis import projection

        try:
            name = self._studio.embedding.space(space)
        except UserError:
            return None
        arrays = self._studio.store.arrays
        found = None
        for m in (method,) if method else ("umap", "pca"):
            found = arrays.load_map(name, m)
            if found is not None:
                break
        if found is None:
            return None
        opened = self.space(name)
        fresh = ~np.isin(opened.item_ids, found.item_ids)
        if not fresh.any():
            return found
        old = opened.rows_of(found.item_ids)
        known = old >= 0
        xy = projection.place(
            opened.vectors[fresh], opened.vectors[old[known]], found.xy[known], k=MAP_NEIGHBOURS
        )
        ids = np.concatenate([found.item_ids, opened.item_ids[fresh]])
        groups = None
        if found.groups is not None:
            groups = np.concatenate([found.groups, np.full(int(fresh.sum()), -1, np.int32)])
        order = np.argsort(ids)
        return Map2D(
            name,
            found.method,
            np.concatenate([found.xy, xy])[order],
            ids[order],
            groups[order] if groups is not None else None,
        )

    # ---- look-alikes -----------------------------------------------------------------------
    def similar_to_item(self, item_id: int, k: int = 20, *, space: str | None = None) -> Neighbours:
        """The k nearest other items ``(1, k)``.

        Raises
        ------
        UserError
            The item has no vector in the space.
        """
        opened = self.space(space)
        row = self._row(opened, item_id)
        return self._search(opened, opened.vectors[row], k, exclude=row)

    def similar_to_file(self, path: Path, k: int = 20, *, space: str | None = None) -> Neighbours:
        """The k items nearest to a picture outside the project."""
        opened = self.space(space)
        vector = self._studio.embedding.vector_of_file(opened.info.name, path)
        return self._search(opened, vector, k)

    def similar_to_region(
        self, item_id: int, box: Box, k: int = 20, *, space: str | None = None
    ) -> tuple[Neighbours, dict[int, Box]]:
        """Items that show what is inside `box` (pixels of the upright image).

        The cells of the feature map under the box are pooled; the nearest items by whole picture
        are then ranked again by their best matching window, whose box is returned as well.
        """
        from fgvc_studio.vision import decode, regions

        opened = self.space(space)
        engine = self._studio.embedding.engine_of(opened.info.name)
        transform = engine.backbone.transform
        image = self._picture(item_id)
        if box.x >= image.width or box.y >= image.height:
            raise UserError(
                "The box lies outside the picture.",
                f"The picture is {image.width:,} x {image.height:,} pixels.",
            )
        vector = regions.region_vector(image, box, engine.runtime, transform)
        shape = engine.backbone.feature_shape[1:]
        window = regions.window_of(box, shape, transform, image.size)
        row = int(opened.rows_of(np.array([item_id], np.int64))[0])
        whole = vector
        if len(vector) != opened.vectors.shape[1]:  # a metric over the cells: look for the item
            whole = opened.vectors[self._row(opened, item_id)]
        first = self._search(
            opened, whole, max(k, REGION_CANDIDATES), exclude=row if row >= 0 else None
        )
        ids = first.item_ids[0][first.item_ids[0] > 0].tolist()
        # Candidates that were looked at again stand before the others, whose score is no window's.
        ranked = dict(zip(ids, (first.scores[0][: len(ids)] - 2.0).tolist(), strict=True))
        found: dict[int, Box] = {}
        for candidate in ids[:REGION_CANDIDATES]:
            try:
                picture = self._picture(candidate)
            except decode.DecodeError:
                continue
            features = engine.features([picture])[0]
            score, place = regions.best_window(vector, features, window, transform, picture.size)
            ranked[candidate], found[candidate] = score, place
        best = sorted(ids, key=lambda i: -ranked[i])[:k]
        scores = np.array([[ranked[i] for i in best]], np.float32)
        return Neighbours(np.array([best], np.int64), scores), found

    def _picture(self, item_id: int) -> Image.Image:
        """The upright picture of an item, cut to its box."""
        from fgvc_studio.vision import decode
        from fgvc_studio.vision.extract import crop

        ids = np.array([item_id], np.int64)
        item = self._studio.store.images.items(ids)[0]
        image = decode.open_image(self._studio.store.images.paths_of_items(ids)[0]).image
        return crop(image, item.box) if item.box else image

    def suggestions(
        self, item_id: int, k: int = 5, *, space: str | None = None
    ) -> list[tuple[int, float]]:
        """Categories of the nearest labelled items, (category id, share of the vote)."""
        near = self.nearest_labelled(item_id, VOTES, space=space)
        if not near:
            return []
        rejected = set(self._studio.store.labels.rejected(item_id))
        category = self._studio.catalogue.category
        weights: dict[int, float] = {}
        for other, score in near:
            c = int(category[other - 1])
            if c and c not in rejected:
                weights[c] = weights.get(c, 0.0) + float(np.exp((score - 1.0) / TEMPERATURE))
        total = sum(weights.values())
        ranked = sorted(weights.items(), key=lambda kv: -kv[1])
        return [(c, w / total) for c, w in ranked[:k]] if total else []

    def nearest_labelled(
        self, item_id: int, k: int = 6, *, space: str | None = None
    ) -> list[tuple[int, float]]:
        """The k nearest other labelled items, (item id, cosine)."""
        opened = self.space(space)
        row = self._row(opened, item_id)
        category = self._studio.catalogue.category
        known = opened.item_ids <= len(category)
        allowed = np.zeros(len(opened.item_ids), bool)
        allowed[known] = category[opened.item_ids[known] - 1] > 0
        allowed[row] = False
        rows, scores = self._finder(opened).search(opened.vectors[row], k, allowed)
        good = rows[0] >= 0
        ids = opened.item_ids[rows[0][good]]
        return list(zip(ids.tolist(), scores[0][good].tolist(), strict=True))

    def _row(self, opened: EmbeddingSpace, item_id: int) -> int:
        row = int(opened.rows_of(np.array([item_id], np.int64))[0])
        if row < 0:
            raise UserError(
                f"Item {item_id} has no embedding in {opened.info.name}.",
                "Compute embeddings again; new images are added to the space.",
            )
        return row

    def _search(
        self,
        opened: EmbeddingSpace,
        vector: NDArray[np.float32],
        k: int,
        exclude: int | None = None,
    ) -> Neighbours:
        allowed = None
        if exclude is not None:
            allowed = np.ones(len(opened.item_ids), bool)
            allowed[exclude] = False
        rows, scores = self._finder(opened).search(np.asarray(vector, np.float32), k, allowed)
        ids = np.where(rows >= 0, opened.item_ids[np.maximum(rows, 0)], -1)
        return Neighbours(ids, scores)

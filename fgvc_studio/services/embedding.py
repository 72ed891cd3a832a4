"""Making a space: every item through a backbone, resumable."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.embeddings import SpaceInfo
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import SpaceChanged
from fgvc_studio.domain.records import Box, Progress, Skipped

if TYPE_CHECKING:
    from PIL import Image

    from fgvc_studio.services.studio import Studio
    from fgvc_studio.vision.backbones import Backbone
    from fgvc_studio.vision.runtimes import Runtime

CHUNK = 4096


@dataclass(frozen=True, slots=True)
class EmbedResult:
    """What an embedding run made.

    Attributes
    ----------
    embedded : int
        Items embedded by this run.
    skipped : tuple of Skipped
        Items whose file could not be read, with the reason.
    """

    space: str
    items: int
    dim: int
    embedded: int
    images_per_s: float
    seconds: float
    runtime: str
    note: str
    skipped: tuple[Skipped, ...]


def default_threads() -> int:
    """Threads for pixels and inference: all cores."""
    from fgvc_studio.services import settings

    return settings.load().threads or os.cpu_count() or 1


class Engine:
    """A backbone with its runtime; one call at a time, from any thread.

    Attributes
    ----------
    key : str
        Equal keys mean comparable vectors.
    """

    def __init__(self, backbone: Backbone, runtime: Runtime, threads: int) -> None:
        self.backbone, self.runtime, self.threads = backbone, runtime, threads
        self.key, self.dim, self.name = backbone.key, backbone.dim, runtime.name
        self.note = " ".join(n for n in (backbone.note, runtime.note) if n)
        self._lock = RLock()

    def embed(
        self, paths: Sequence[Path], boxes: Sequence[Box | None]
    ) -> Iterator[tuple[int, NDArray[np.float32], list[tuple[int, str]]]]:
        """`vision.extract.embed_paths` with this backbone, vectors not normalised."""
        from fgvc_studio.vision import extract

        with self._lock:
            yield from extract.embed_paths(
                paths,
                boxes,
                self.runtime,
                self.backbone.transform,
                threads=self.threads,
                normalise=False,
            )

    def features(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Feature maps ``(B, C, h, w)`` of upright pictures."""
        batch = np.stack([self.backbone.transform(image) for image in images])
        with self._lock:
            return self.runtime.features(batch)


class Embedding:
    """Runs backbones over the items of a project.

    Parameters
    ----------
    studio : Studio
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._engines: dict[tuple[str, str, str], Engine] = {}
        self._lock = RLock()

    def spaces(self) -> list[SpaceInfo]:
        """The spaces of the project, oldest first."""
        return sorted(self._studio.store.arrays.spaces(), key=lambda s: s.created)

    def default_space(self) -> str | None:
        """The space that views use: the project's choice, else the newest with vectors."""
        names = [s.name for s in self.spaces() if s.done]
        chosen = self._studio.choosing.space()
        if chosen in names:
            return chosen
        return names[-1] if names else None

    def space(self, name: str | None) -> str:
        """The name of a space that exists.

        Raises
        ------
        UserError
            None is there, or none of that name.
        """
        names = [s.name for s in self.spaces()]
        found = name or self.default_space()
        if found is None or not names:
            raise UserError("This project has no embeddings yet.", "Embed the images first.")
        if found not in names:
            raise UserError(f"There is no space {found}.", f"Spaces: {', '.join(names)}.")
        return found

    def run(
        self,
        backbone: str = "lite0",
        *,
        weights: Path | None = None,
        space: str | None = None,
        runtime: str = "auto",
        threads: int = 0,
    ) -> Generator[Progress, None, EmbedResult]:
        """Embed every item that has no vector in the space yet.

        Raises
        ------
        UserError
            No items, unknown backbone, missing weights, or a space of another backbone.
        """
        store = self._studio.store
        n = self._studio.catalogue.n
        if not n:
            raise UserError("There are no images yet.", "Add a folder of images first.")
        yield Progress(0, n, "Loading the backbone")
        name = space or backbone.replace(":", "-").replace("/", "-")
        if self._run_of(name):
            engine = self.engine_of(name)
        else:
            engine = self.engine(backbone, weights, runtime, threads)
        writer = store.arrays.create_space(
            name,
            backbone=backbone,
            dim=engine.dim,
            key=engine.key,
            runtime=engine.name,
            meta={"weights": str(weights or ""), "note": engine.note},
        )
        skipped: list[Skipped] = []
        started = time.monotonic()
        embedded = 0
        try:
            missing = writer.missing(self._studio.catalogue.item_ids)
            done = n - len(missing)
            yield Progress(done, n, f"Embedding with {backbone}")
            for at in range(0, len(missing), CHUNK):
                ids = missing[at : at + CHUNK]
                paths = store.images.paths_of_items(ids)
                boxes = [item.box for item in store.images.items(ids)]
                for start, vectors, errors in engine.embed(paths, boxes):
                    bad = {i for i, _ in errors}
                    skipped.extend(Skipped(str(paths[i]), reason) for i, reason in errors)
                    good = [k for k in range(len(vectors)) if start + k not in bad]
                    if good:
                        writer.append(ids[start : start + len(vectors)][good], vectors[good])
                    done += len(vectors)
                    embedded += len(good)
                    rate = embedded / max(time.monotonic() - started, 1e-9)
                    yield Progress(done, n, f"Embedding with {backbone}", rate)
        finally:
            writer.close()
            self._studio.bus.publish(SpaceChanged(name))
        seconds = time.monotonic() - started
        info = next(s for s in store.arrays.spaces() if s.name == name)
        return EmbedResult(
            space=name,
            items=info.done,
            dim=info.dim,
            embedded=embedded,
            images_per_s=embedded / seconds if embedded else 0.0,
            seconds=seconds,
            runtime=engine.name,
            note=engine.note,
            skipped=tuple(skipped),
        )

    def engine(
        self, backbone: str, weights: Path | None = None, runtime: str = "auto", threads: int = 0
    ) -> Engine:
        """A backbone ready to run; kept for the next call."""
        from fgvc_studio.vision import backbones, runtimes

        key = (backbone, str(weights or ""), runtime)
        with self._lock:
            if key not in self._engines:
                used = threads or default_threads()
                loaded = backbones.load(backbone, weights)
                self._engines[key] = Engine(loaded, runtimes.make(loaded, runtime, used), used)
            return self._engines[key]

    def engine_of(self, space: str) -> Engine:
        """The runtime that made a space, for new pictures and regions.

        Raises
        ------
        UserError
            The weights are no longer the same.
        """
        info = next(s for s in self.spaces() if s.name == space)
        meta = self._studio.store.arrays.meta(space)
        weights = Path(str(meta["weights"])) if meta.get("weights") else None
        if meta.get("run"):
            return self._trained_engine(info, str(meta["method"]), str(meta["run"]), weights)
        engine = self.engine(info.backbone, weights)
        if engine.key != info.key:
            raise UserError(
                f"The weights of {info.backbone} are not those that made the space {space}.",
                "Make a new space with the present weights.",
            )
        return engine

    def _run_of(self, space: str) -> str:
        """Id of the run that made a space; empty for a backbone's space or none."""
        if space not in (s.name for s in self.spaces()):
            return ""
        return str(self._studio.store.arrays.meta(space).get("run") or "")

    def _trained_engine(
        self, info: SpaceInfo, method: str, run: str, weights: Path | None
    ) -> Engine:
        """The model of a run, ready for pictures; kept for the next call."""
        from fgvc_studio.methods import registry
        from fgvc_studio.vision import backbones

        key = (info.backbone, str(weights or ""), info.key)
        with self._lock:
            if key not in self._engines:
                load = registry.get(method).embedder
                if load is None:
                    raise UserError(f"The run {run} makes no embeddings.", "Choose another space.")
                backbone = backbones.load(info.backbone, weights)
                model = load(self._studio.store.path / "runs" / run, backbone)
                engine = Engine(backbone, model, default_threads())
                engine.key, engine.dim = info.key, info.dim
                self._engines[key] = engine
            return self._engines[key]

    def vector_of_file(self, space: str, path: Path) -> np.ndarray:
        """Embedding of a picture outside the project, ``(D,) float32`` l2-normalised.

        Raises
        ------
        UserError
            The file cannot be read as a picture.
        """
        from fgvc_studio.vision import extract

        for _, vectors, errors in self.engine_of(space).embed([path], [None]):
            if errors:
                raise UserError(f"{path.name} cannot be used: {errors[0][1]}", "Try another file.")
            return extract.normalised(vectors[0])
        raise UserError(f"{path.name} gave no embedding.", "Try another file.")

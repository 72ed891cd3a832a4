"""Writing the sample data set: JPEG files in plain folders, labels, truth, parts, checklist."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress
from fgvc_studio.sample.plan import Bias, Shot, plan_shots
from fgvc_studio.sample.render import PART_CODES
from fgvc_studio.sample.scene import Photo, photograph
from fgvc_studio.sample.species import GENERA, SPECIES

_EXIF_IFD, _TAKEN = 0x8769, 0x9003


@dataclass(frozen=True, slots=True)
class SampleInfo:
    """What was written where.

    Attributes
    ----------
    images_dir : Path
        Folder with the folders of images; paths in the tables are relative to it.
    labels, truth, parts, checklist : Path
        The tables, in the same folder.
    images, labelled : int
        Number of images, and of those that ``labels.csv`` names.
    known, novel : tuple of str
        Binomials of the species with and without labelled images.
    """

    images_dir: Path
    labels: Path
    truth: Path
    parts: Path
    checklist: Path
    images: int
    labelled: int
    known: tuple[str, ...]
    novel: tuple[str, ...]


def generate(
    out_dir: Path,
    images: int = 600,
    seed: int = 0,
    *,
    bias: Bias | None = None,
    workers: int = 1,
) -> Generator[Progress, None, SampleInfo]:
    """Draw the sample data set into a folder.

    The same seed, number of images and Pillow version give the same bytes, whatever the workers.

    Parameters
    ----------
    images : int
        At least one per species (24).
    bias : Bias, optional
        How paper labels go with species in the training part.
    workers : int
        Processes that draw; 1 draws in the calling thread.

    Yields
    ------
    Progress
        After every image; each is a safe point.

    Raises
    ------
    UserError
        Fewer images than species, or a folder that cannot be written.
    """
    if images < len(SPECIES):
        raise UserError(
            f"The sample needs at least {len(SPECIES)} images, one per species.",
            f"Ask for {len(SPECIES)} or more.",
        )
    shots = plan_shots(images, seed, bias or Bias())
    info = _info(out_dir, shots)
    parts: dict[str, object] = {}
    started = time.monotonic()
    try:
        for folder in {shot.station.folder for shot in shots}:
            (info.images_dir / folder).mkdir(parents=True, exist_ok=True)
        for done, (shot, (jpeg, known)) in enumerate(
            zip(shots, _drawn(shots, workers), strict=True), 1
        ):
            (info.images_dir / shot.path).write_bytes(jpeg)
            parts[shot.path] = known
            rate = done / max(time.monotonic() - started, 1e-6)
            yield Progress(done, len(shots), "Drawing the sample moths", rate)
        _write_tables(info, shots, parts)
    except OSError as error:
        raise UserError(
            f"The sample cannot be written to {out_dir}: {error.strerror or error}.",
            "Choose a folder on a disk with free space that you may write to.",
        ) from error
    return info


def _drawn(shots: list[Shot], workers: int) -> Iterator[tuple[bytes, dict[str, object]]]:
    if workers <= 1:
        yield from map(draw_shot, shots)
        return
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        yield from pool.map(draw_shot, shots, chunksize=6)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def draw_shot(shot: Shot) -> tuple[bytes, dict[str, object]]:
    """Draw one planned image: its JPEG bytes and its record for ``parts.json``."""
    photo = photograph(shot.species, shot.setting, shot.seed)
    exif = Image.Exif()
    exif.get_ifd(_EXIF_IFD)[_TAKEN] = shot.taken.strftime("%Y:%m:%d %H:%M:%S")
    buffer = io.BytesIO()
    quality = 84 + shot.seed % 10
    photo.image.save(buffer, "JPEG", quality=quality, exif=exif)
    return buffer.getvalue(), _known(shot, photo)


def _known(shot: Shot, photo: Photo) -> dict[str, object]:
    flat = photo.moth.mask.ravel()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    lengths = np.diff(np.concatenate([starts, [len(flat)]]))
    return {
        "species": shot.species.name,
        "size": list(photo.image.size),
        "rotation": round(photo.pose.rotation, 1),
        "underside": photo.pose.underside,
        "points": {name: list(p) for name, p in photo.moth.points.items()},
        "boxes": {name: list(b) for name, b in photo.moth.boxes.items()},
        "confounders": {name: list(b) for name, b in photo.confounder_boxes.items()},
        "background": photo.setting.ground,
        "mask": {
            "shape": list(photo.moth.mask.shape),
            "runs": np.stack([flat[starts], lengths], axis=1).ravel().tolist(),
        },
    }


def _info(out_dir: Path, shots: list[Shot]) -> SampleInfo:
    return SampleInfo(
        images_dir=out_dir,
        labels=out_dir / "labels.csv",
        truth=out_dir / "truth.csv",
        parts=out_dir / "parts.json",
        checklist=out_dir / "checklist.csv",
        images=len(shots),
        labelled=sum(shot.labelled for shot in shots),
        known=tuple(s.name for s in SPECIES if not s.novel),
        novel=tuple(s.name for s in SPECIES if s.novel),
    )


def _write_tables(info: SampleInfo, shots: list[Shot], parts: dict[str, object]) -> None:
    by_path = sorted(shots, key=lambda shot: shot.path)
    facts = ["path", "genus", "species", "split", "date", "place", "latitude", "longitude",
             "station"]  # fmt: skip
    _write_csv(info.labels, facts, (_facts(shot) for shot in by_path if shot.labelled))
    extra = ["novel", "labelled", "label", "pin", "scale_bar", "background"]
    _write_csv(info.truth, facts + extra, (_facts(shot) + _truths(shot) for shot in by_path))
    _write_csv(
        info.checklist,
        ["name", "parent", "rank", "authorship", "synonym_of", "vernacular"],
        _checklist(),
    )
    record = {
        "part_codes": PART_CODES,
        "mask_step": 4,
        "differs": {s.name: list(s.differs) for s in SPECIES},
        "images": {shot.path: parts[shot.path] for shot in by_path},
    }
    info.parts.write_text(json.dumps(record, separators=(",", ":")), encoding="utf-8")


def _facts(shot: Shot) -> list[str]:
    station = shot.station
    return [
        shot.path, shot.species.genus, shot.species.name, shot.split, shot.taken.date().isoformat(),
        station.place, f"{station.latitude:.4f}", f"{station.longitude:.4f}", station.folder,
    ]  # fmt: skip


def _truths(shot: Shot) -> list[str]:
    setting = shot.setting
    flags = (shot.species.novel, shot.labelled, setting.label, setting.pin, setting.scale_bar)
    return [*(str(int(flag)) for flag in flags), setting.ground]


def _checklist() -> Iterator[list[str]]:
    """The known part of the tree, with synonyms: novel species have no name yet."""
    for genus in GENERA.values():
        yield [genus.name, "", "genus", genus.authorship, "", genus.vernacular]
    for s in SPECIES:
        if not s.novel:
            yield [s.name, s.genus, "species", s.authorship, "", s.vernacular]
            for synonym in s.synonyms:
                yield [synonym, s.genus, "species", "", s.name, ""]


def _write_csv(path: Path, header: list[str], rows: Iterable[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)

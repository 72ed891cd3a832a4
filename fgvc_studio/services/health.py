"""How a project and this machine are doing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fgvc_studio.domain.errors import UserError

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

LIBRARIES = (
    "PySide6-Essentials", "numpy", "Pillow", "torch", "torchvision", "timm", "openvino",
    "faiss-cpu", "scikit-learn", "umap-learn", "numba", "apsw",
)  # fmt: skip
LITTLE_DISK_GB = 5.0
QT_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}


def facts(studio: Studio) -> dict[str, Any]:
    """Counts, spaces, missing files and disk use of an open project."""
    store, catalogue = studio.store, studio.catalogue
    return {
        "path": str(store.path),
        "name": store.name,
        "images": store.images.count(),
        "items": catalogue.n,
        "labelled": catalogue.labelled,
        "reviewed": int(np.count_nonzero(catalogue.columns.reviewed)),
        "categories": len(catalogue.categories),
        "spaces": [
            {
                "name": s.name,
                "backbone": s.backbone,
                "dim": s.dim,
                "done": s.done,
                "total": s.total,
                "runtime": s.runtime,
                "maps": list(s.maps),
            }
            for s in studio.embedding.spaces()
        ],
        "runs": [
            {"run": r.id, "method": r.method, "space": r.space, "state": str(r.state)}
            for r in studio.training.runs.all()
        ],
        "skipped": len(store.images.skipped()),
        "missing": len(missing_files(studio)),
        "roots": [str(r.path) for r in store.images.roots()],
        "disk_mb": round(folder_bytes(store.path) / 1e6, 1),
        "operations": len(studio.labelling.history(limit=1_000_000)),
    }


def missing_files(studio: Studio) -> list[Path]:
    """Images of the project whose file is not where it was.

    Each folder is listed once, which is much faster than to look for each file.
    """
    missing: list[Path] = []
    there: dict[str, set[str]] = {}
    for root, paths in studio.store.images.files().items():
        for path in paths:
            folder, _, name = f"{root}/{path}".rpartition("/")
            if folder not in there:
                there[folder] = _files_in(folder)
            if name not in there[folder]:
                missing.append(Path(folder, name))
    return missing


def _files_in(folder: str) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {e.name for e in entries if not e.is_symlink() or Path(e.path).exists()}
    except OSError:
        return set()


def folder_bytes(folder: str | Path) -> int:
    """Bytes of all files below a folder."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    total += folder_bytes(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    except OSError:  # it goes away meanwhile, or may not be read
        return total
    return total


def machine() -> dict[str, Any]:
    """Versions, processors, Qt libraries, weights and disk of this machine."""
    from fgvc_studio import __version__

    versions: dict[str, str | None] = {}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    missing = missing_qt_libraries()
    disk = shutil.disk_usage(Path.home() if Path.home().exists() else Path.cwd())
    return {
        "fgvc_studio": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "versions": versions,
        "problems": [f"{n} is not installed." for n, v in versions.items() if v is None],
        "qt_missing": missing,
        "qt_remedy": _apt_line(missing),
        "display": os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or "",
        "weights": _weights(),
        "disk_free_gb": round(disk.free / 1e9, 1),
    }


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    level : str
        ``good``, ``note`` (works, but worth knowing) or ``bad`` (something will not work).
    remedy : str
        What to do; empty where nothing needs to be done.
    """

    level: str
    what: str
    remedy: str = ""


def findings(facts: dict[str, Any]) -> list[Finding]:
    """What `machine` found, in words: faults first, then notes, then what is right."""
    missing = [name for name, version in facts["versions"].items() if version is None]
    found = [
        Finding("bad", f"{', '.join(missing)} cannot be found.", "Install the program again.")
        if missing
        else Finding("good", f"All {len(facts['versions'])} libraries are there.")
    ]
    if facts["qt_missing"]:
        found.append(
            Finding("bad", f"The window lacks {', '.join(facts['qt_missing'])}.",
                    facts["qt_remedy"])
        )  # fmt: skip
    problem = facts["weights"].get("problem")
    found.append(
        Finding("bad", str(problem), "Install the program again; photos cannot be embedded now.")
        if problem
        else Finding("good", "The weights that turn photos into embeddings are there and whole.")
    )
    free = facts["disk_free_gb"]
    if free < LITTLE_DISK_GB:
        found.append(
            Finding("bad" if free < 1 else "note", f"Only {free:.1f} GB of the disk are free.",
                    "A training keeps views of the photos on the disk: empty the cache in "
                    "Settings, or choose another place for it there.")
        )  # fmt: skip
    else:
        found.append(Finding("good", f"{free:.0f} GB of the disk are free."))
    cores, gpu = facts["cores"] or 1, facts.get("gpu", "")
    found.append(
        Finding("good", f"Trainings run on {gpu}.")
        if gpu
        else Finding("note", f"No graphics processor is used; trainings run on {cores} "
                     f"processor core{'' if cores == 1 else 's'}.",
                     "All methods work so; a training takes minutes, not seconds.")
    )  # fmt: skip
    order = {"bad": 0, "note": 1, "good": 2}
    return sorted(found, key=lambda f: order[f.level])


def gpu_name() -> str:
    """The graphics processor that trainings use; empty without one. Loads torch."""
    import torch

    return str(torch.cuda.get_device_name(0)) if torch.cuda.is_available() else ""


def of_project(studio: Studio) -> list[Finding]:
    """What is to be said of an open project: photos that are gone, files that were left out."""
    missing, skipped = missing_files(studio), studio.store.images.skipped()
    n = studio.catalogue.n
    found = [
        Finding("bad", f"{len(missing):,} of {n:,} photos are not where they were, the first is "
                f"{missing[0]}.",
                "Connect their disk, or put the folder back where it was.")
        if missing
        else Finding("good", f"All {n:,} photos of this project are where they were.")
    ]  # fmt: skip
    if skipped:
        found.append(
            Finding("note", f"{len(skipped):,} files were left out at the import because they "
                    "cannot be read as photos.")
        )  # fmt: skip
    if studio.store.read_only:
        found.append(
            Finding("note", "The project is open read-only; nothing can be decided.",
                    "Close it in the other window, then open it again.")
        )  # fmt: skip
    return found


def _weights() -> dict[str, Any]:
    from fgvc_studio.vision import lite0

    try:
        path = lite0.find()
        lite0.checked_digest(path)
        return {"lite0": str(path)}
    except UserError as error:
        return {"lite0": None, "problem": str(error)}


def missing_qt_libraries() -> list[str]:
    """System libraries that Qt needs and the loader does not find (Linux only)."""
    import ctypes

    if not sys.platform.startswith("linux"):
        return []
    missing = []
    for library in QT_LIBRARIES:
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(library)
    return missing


def _apt_line(missing: list[str]) -> str:
    if not missing:
        return ""
    packages = sorted({QT_LIBRARIES[m] for m in missing})
    return f"sudo apt-get install -y --no-install-recommends {' '.join(packages)}"

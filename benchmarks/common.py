"""What the benchmarks share: a private home, the entry point's settings, timing, one row format."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


@dataclass
class Row:
    """One figure. `target` and `measured` share `unit`; `baseline` says what it is compared to."""

    what: str
    target: str
    measured: float
    unit: str = "ms"
    cpu: float | None = None
    baseline: float | None = None
    against: str = ""
    note: str = ""


def private_home() -> Path:
    """Settings, caches and recent projects of this run go to a folder of its own."""
    home = Path(tempfile.gettempdir()) / "fgvc-bench-home"
    for name in ("config", "cache", "data", "state"):
        (home / name).mkdir(parents=True, exist_ok=True)
        os.environ[f"XDG_{name.upper()}_HOME"] = str(home / name)
    os.environ["FGVC_STUDIO_CONFIG"] = str(home / "config")
    return home


def like_the_program() -> None:
    """What the entry point sets before any heavy import."""
    from fgvc_studio.__main__ import prepare_process

    prepare_process()


def arguments(doc: str, *, project: bool = True) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    if project:
        parser.add_argument("--items", type=int, default=100_000)
        parser.add_argument("--project", type=Path, help="a project made by make_large.py")
    return parser


def project_of(args: argparse.Namespace) -> Path:
    """The large project: the one given, or one made now and kept in the temporary folder."""
    if args.project:
        return args.project
    path = Path(tempfile.gettempdir()) / f"fgvc-bench-{args.items}" / "Large.fgvc"
    if not (path / "complete").is_file():
        from make_large import make

        make(path, args.items)
    return path


class Watch:
    """Wall time and CPU time of the calling thread, in milliseconds."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.thread_time()

    def ms(self) -> tuple[float, float]:
        """Milliseconds since the start: wall, CPU."""
        wall, cpu = time.perf_counter() - self.wall, time.thread_time() - self.cpu
        return wall * 1e3, cpu * 1e3


def show(rows: list[Row], args: argparse.Namespace) -> None:
    """Print the rows; keep them for run_all.py."""
    for r in rows:
        cpu = f"  cpu {r.cpu:9.2f}" if r.cpu is not None else ""
        base = ""
        if r.baseline is not None:
            base = f"  | {r.against} {r.baseline:.2f} ({r.baseline / r.measured:.1f} x)"
        note = f"  ({r.note})" if r.note else ""
        print(
            f"{r.what:<52} {r.target:>10}  {r.measured:9.2f} {r.unit}{cpu}{base}{note}", flush=True
        )
    if args.json:
        args.json.write_text(json.dumps([asdict(r) for r in rows]))

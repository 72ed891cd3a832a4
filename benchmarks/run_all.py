"""Run the benchmarks one after the other and print one table in Markdown.

Run: ``python benchmarks/run_all.py [--items 100000] [--only window similar] [--others]``, on a
machine that has nothing else to do. ``--others`` adds what the benchmarks of single parts print.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import common
from common import Row

HERE = Path(__file__).parent
PARTS = ("startup", "window", "similar", "training_delay")
OTHERS = {
    "store": ["100000"],
    "map": ["100000"],
    "grid": [],
    "neighbours": [],
    "embed": [],
}
PACKAGES = ("PySide6-Essentials", "numpy", "torch", "faiss-cpu", "numba", "apsw")


def machine() -> str:
    """Processor, cores, memory and versions; no names."""
    model, memory = platform.processor(), ""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
        total = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
        memory = f", {total:.0f} GiB memory"
    except (OSError, StopIteration):
        pass
    versions = ", ".join(f"{p} {version(p)}" for p in PACKAGES)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return (
        f"{model}, {os.cpu_count()} cores{memory}, {platform.system()}, "
        f"Python {platform.python_version()}, {versions}; load before the start {load:.1f}"
    )


def line(row: Row) -> str:
    """One row of the table."""
    measured = f"{row.measured:,.1f} {row.unit}"
    if row.cpu is not None:
        measured += f" (cpu {row.cpu:,.1f})"
    base = f"{row.baseline:,.1f} ({row.against})" if row.baseline is not None else ""
    ratio = f"{row.baseline / row.measured:.1f} x" if row.baseline is not None else ""
    return f"| {row.what} | {row.target} | {measured} | {base} | {ratio} | {row.note} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--others", action="store_true")
    args = parser.parse_args()
    print(machine(), "\n", flush=True)
    project = common.project_of(argparse.Namespace(project=None, items=args.items))
    table = []
    for part in args.only:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "rows.json"
            command = [sys.executable, str(HERE / f"{part}_bench.py"), "--json", str(out)]
            if part != "training_delay":
                command += ["--project", str(project)]
            print(f"{part} ...", file=sys.stderr, flush=True)
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                table.append(f"| {part} failed: {done.stderr.strip().splitlines()[-1]} | | | | | |")
                continue
            table += [line(Row(**row)) for row in json.loads(out.read_text())]
    print("| What | Target | Measured | Baseline | Ratio | Remarks |\n|---|---|---|---|---|---|")
    print("\n".join(table), flush=True)
    for name, options in OTHERS.items() if args.others else ():
        command = [sys.executable, str(HERE / f"{name}_bench.py"), *options]
        environ = {**os.environ, "PYTHONPATH": str(HERE.parent)}
        environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        print(f"{name} ...", file=sys.stderr, flush=True)
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
        text = done.stdout if done.returncode == 0 else done.stderr
        print(f"\n### {name}\n\n```\n{text.strip()}\n```", flush=True)


if __name__ == "__main__":
    main()

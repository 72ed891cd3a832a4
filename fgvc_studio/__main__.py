"""Entry point: the window without arguments or with a project, the command line with a verb.

Everything here runs before the first heavy import, because the native libraries read these
variables only once.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path

NO_DISPLAY = (
    "There is no display to show the window on.\n"
    "Log in to a desktop, or use the command line: fgvc-studio --help.\n"
)


def main(argv: list[str] | None = None) -> int:
    """Start the window or the command line; returns the exit code."""
    multiprocessing.freeze_support()
    prepare_process()
    args = sys.argv[1:] if argv is None else argv
    if wants_window(args):
        if not has_display():
            sys.stderr.write(NO_DISPLAY)
            return 1
        from fgvc_studio.gui.app import run

        return run(args)
    try:
        from fgvc_studio.cli.app import main as command_line
    except KeyboardInterrupt:  # before the command line could listen to it
        return 130
    return int(command_line(args) or 0)


def wants_window(args: list[str]) -> bool:
    """Whether `args` ask for the window: nothing, one project folder, or pictures of it."""
    if not args or (args[0] == "--screenshots" and len(args) == 3):
        return True
    if len(args) > 1 or args[0].startswith("-"):
        return False
    path = Path(args[0])
    return path.suffix == ".fgvc" or (path / "project.toml").is_file() or len(path.parts) > 1


def has_display() -> bool:
    """Whether a window can be shown; Qt would end the process with a core dump instead."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return sys.platform != "linux" or any(os.environ.get(name) for name in names)


def prepare_process() -> None:
    """Set what the native libraries and the interpreter read once, at start."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads leave the core to Qt
    if "OPENBLAS_CORETYPE" not in os.environ and has_avx2():
        os.environ["OPENBLAS_CORETYPE"] = "Haswell"  # faiss ships an OpenBLAS that guesses low
    # All cores but one for scikit-learn; joblib would ask tools of the system how many there are,
    # and print a traceback where those are missing.
    os.environ.setdefault("LOKY_MAX_CPU_COUNT", str((os.cpu_count() or 1) - 1))
    if _without_gpu():
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ.setdefault("OPENVINO_TELEMETRY_OPT_OUT", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    sys.setswitchinterval(5e-4)  # a job in pure Python delays the window by 0.7 instead of 5 ms


def _without_gpu() -> bool:
    """Whether the user said that jobs shall stay on the processor."""
    from fgvc_studio.services import settings

    return settings.load().device == "cpu"


def has_avx2(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor is known to have AVX2 (only Linux tells without a library)."""
    try:
        return " avx2" in cpuinfo.read_text(errors="replace")
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())

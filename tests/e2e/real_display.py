"""An X server of our own, the program on it, and hands: mouse, keys and eyes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import TracebackType

import numpy as np
import pytest
from PySide6.QtGui import QImage
from window_driver import child_environment

PATIENCE = 90.0
_POLL = 0.1
_PACKAGES = {"Xvfb": "xvfb", "xdotool": "xdotool"}


def need_tools() -> None:
    """Fail with the packages to install when a tool is missing."""
    missing = [package for tool, package in _PACKAGES.items() if shutil.which(tool) is None]
    if missing:
        pytest.fail(
            f"The tests on a real display need {' and '.join(missing)}: "
            f"apt-get install {' '.join(missing)} (packaging/test.sh does it).",
            pytrace=False,
        )


def wait_for(what: str, holds: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Ask until it holds."""
    end = time.monotonic() + patience
    while not holds():
        if time.monotonic() > end:
            pytest.fail(f"not within {patience:.0f} s: {what}")
        time.sleep(_POLL)


class Screen:
    """Xvfb with a free number; its picture lies in a file that we may read."""

    def __init__(self, folder: Path, size: tuple[int, int] = (1440, 900)) -> None:
        need_tools()
        self.size = size
        self._file = folder / "Xvfb_screen0"
        read, write = os.pipe()
        self._log = (folder / "xvfb.log").open("wb")
        self._process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size[0]}x{size[1]}x24",
             "-noreset", "-nolisten", "tcp", "-fbdir", str(folder)],
            pass_fds=[write], stdout=self._log, stderr=self._log,
        )  # fmt: skip
        os.close(write)
        with os.fdopen(read) as pipe:
            number = pipe.readline().strip()
        if not number:
            self.close()
            pytest.fail(f"Xvfb did not start: {(folder / 'xvfb.log').read_text()}")
        self.name = f":{number}"

    def picture(self) -> np.ndarray:
        """What is on the screen, (height, width, 3) uint8 in the order blue, green, red."""
        raw = self._file.read_bytes()
        header = np.frombuffer(raw, ">u4", 25)
        line, colours = int(header[12]), int(header[19])
        start = int(header[0]) + 12 * colours
        width, height = self.size
        rows = np.frombuffer(raw, np.uint8, line * height, start).reshape(height, line)
        return rows[:, : 4 * width].reshape(height, width, 4)[..., :3]

    def do(self, *words: str | int, patience: float = PATIENCE) -> str:
        """One xdotool command; what it prints."""
        done = subprocess.run(
            ["xdotool", *map(str, words)], env={**os.environ, "DISPLAY": self.name},
            capture_output=True, text=True, timeout=patience, check=False,
        )  # fmt: skip
        assert done.returncode == 0 or words[0] == "search", f"xdotool {words}: {done.stderr}"
        return done.stdout.strip()

    def window(self, title: str) -> int:
        """The visible window whose title matches, once there is one, with the keyboard on it."""
        found: list[str] = []

        def look() -> bool:
            found[:] = self.do("search", "--onlyvisible", "--name", title).split()
            return bool(found)

        wait_for(f"a window called {title}", look)
        self.do("windowfocus", "--sync", found[-1])
        return int(found[-1])

    def gone(self, title: str) -> None:
        """Wait until no window has that title."""
        search = ("search", "--onlyvisible", "--name", title)
        wait_for(f"no window {title}", lambda: not self.do(*search))

    def click(self, x: float, y: float, *held: str) -> None:
        """A click with keys held down."""
        for name in held:
            self.do("keydown", name)
        self.do("mousemove", "--sync", round(x), round(y))
        self.do("click", 1)
        for name in held:
            self.do("keyup", name)

    def keys(self, *names: str) -> None:
        """Keys one after the other."""
        self.do("key", "--delay", 20, *names)

    def type(self, text: str) -> None:
        """Letters."""
        self.do("type", "--delay", 20, text)

    def drag(self, path: np.ndarray) -> None:
        """Press at the first point of ``path`` (n, 2), move along, release at the last."""
        words: list[str | int] = ["mousemove", *map(int, path[0]), "mousedown", 1]
        for a, b in pairwise(path):
            for share in (0.5, 1.0):
                words += ["mousemove", *map(round, a + (b - a) * share), "sleep", "0.05"]
        self.do(*words, "mouseup", 1)

    def save(self) -> None:
        """Leave a picture of the screen for whoever has to find out what went wrong."""
        file = self._file.with_name("screen.png")
        colours = np.ascontiguousarray(self.picture()[..., ::-1])
        height, width = colours.shape[:2]
        QImage(colours.data, width, height, 3 * width, QImage.Format.Format_RGB888).save(str(file))
        sys.stderr.write(f"The screen at that moment: {file}\n")

    def close(self) -> None:
        """End the server."""
        self._process.terminate()
        self._process.wait(20)
        self._log.close()

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Program:
    """``python -m fgvc_studio PROJECT`` on a screen, in a home of its own."""

    def __init__(self, screen: Screen, project: Path, home: Path) -> None:
        self.home = home
        self._screen = screen
        home.mkdir()
        self._errors = (home.parent / "errors.txt").open("w+")
        environment = child_environment(
            DISPLAY=screen.name,
            QT_QPA_PLATFORM="xcb",
            HOME=str(home),
            XDG_CONFIG_HOME=str(home.parent / "program config"),
            FGVC_STUDIO_CONFIG=str(home.parent / "program config" / "fgvc-studio"),
        )
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fgvc_studio", str(project)], env=environment, cwd=home.parent,
            stdout=self._errors, stderr=self._errors,
        )  # fmt: skip

    def wait(self, seconds: float = PATIENCE) -> int:
        """The exit code."""
        return self._process.wait(seconds)

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """The program gets no time meanwhile, as on a busy machine; it catches up afterwards."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._process.poll() is None

    def said(self) -> str:
        """What it wrote to the terminal."""
        self._errors.flush()
        self._errors.seek(0)
        return self._errors.read()

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._screen.save()
        if self.running:
            self._process.kill()
            self._process.wait(20)
        if kind is not None:
            sys.stderr.write(self.said())
        self._errors.close()

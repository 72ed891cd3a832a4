"""Takes all pictures of the guide anew, on a copy of the sample project with its runs.

    python packaging/guide_pictures.py [PROJECT] [--only NAME...]

Without PROJECT the sample project is made and its loop is run first (minutes). The project is
copied; nothing in it changes. The pictures replace those in docs/guide/images.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
IMAGES = ROOT / "docs" / "guide" / "images"
SIZE = (1440, 900)
QUALITY = 82
PATIENCE_S = 240.0
LONG_S = 900.0


class Photographer:
    """Drives the real window offscreen; each method that is named like a picture leads to it."""

    def __init__(self, project: Path, out: Path) -> None:
        from fgvc_studio.gui import preferences, theme
        from fgvc_studio.gui.app import make_application
        from fgvc_studio.gui.main_window import MainWindow

        self.app = make_application()
        preferences.remember("confirm/bulk_off", True)
        self.theme = theme
        theme.apply(self.app, "light", 1.0)
        self.out = out
        self.faults: list[str] = []
        self.window = MainWindow(
            crashed=lambda trace, doing: self.faults.append(f"{doing} {trace}")
        )
        self.window.resize(*SIZE)
        self.window.show()
        self.window.open_project(project)
        self.until(lambda: self.window.session is not None)
        self.until(lambda: self.page("go.browse").map.points is not None)

    # ---- hands -----------------------------------------------------------------------------
    def settle(self, seconds: float = 1.2) -> None:
        """Let the window work."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.app.processEvents()
            time.sleep(0.005)

    def until(self, holds: Callable[[], object], patience: float = PATIENCE_S) -> None:
        """Wait for something; a picture of the wrong thing is worse than none."""
        end = time.monotonic() + patience
        while not holds():
            if time.monotonic() > end:
                raise TimeoutError("the window did not come so far")
            self.settle(0.1)

    def page(self, command: str):  # noqa: ANN201
        """A workspace."""
        return self.window.workspaces[command]

    def go(self, command: str):  # noqa: ANN201
        """Bring a workspace to the front."""
        self.window.go(command)
        self.settle()
        return self.page(command)

    def do(self, command: str) -> None:
        """A command, which must be possible now."""
        if not self.window.actions_.run(command):
            raise RuntimeError(f"{command} cannot be used here")
        self.settle()

    def leave(self, command: str) -> None:
        """A command that leads away, where it is possible."""
        self.window.actions_.run(command)
        self.settle(0.6)

    def take(self, name: str) -> None:
        """Go there, take the picture with every open dialog, and close those."""
        getattr(self, name.replace("-", "_"))()
        self.window.toasts.clear()
        self.settle()
        self._shot().save(str(self.out / f"{name}.jpg"), "JPEG", QUALITY)
        for popup in self._popups():
            popup.close()
        self.window.selection.clear()
        self.settle(0.4)

    def _popups(self) -> list:
        return [w for w in self.app.topLevelWidgets() if w.isVisible() and w is not self.window]

    def _shot(self):  # noqa: ANN202
        from PySide6.QtCore import QPoint, QRect
        from PySide6.QtGui import QPainter

        shown = self.window.grab()
        painter = QPainter(shown)
        for popup in self._popups():
            place = QRect(QPoint(0, 0), popup.size())
            place.moveTopLeft(popup.pos() - self.window.pos())
            if not self.window.rect().contains(place):
                place.moveCenter(self.window.rect().center())
            painter.drawPixmap(place, popup.grab())
        painter.end()
        return shown

    # ---- Browse ----------------------------------------------------------------------------
    def browse(self) -> None:
        """The four panes."""
        page = self.go("go.browse")
        self.window.selection.set_current(1)
        self.until(lambda: page.inspector.pane.item_id == 1)
        self.settle(2)

    def similar(self) -> None:
        """Look-alikes of the first photo, twelve of them ticked."""
        page = self.go("go.browse")
        self.window.selection.set_current(1)
        self.settle()
        self.do("view.similar")
        self.until(lambda: len(page.views.ids) > 1 and page.views.ids[0] == 1)
        self.window.selection.set(page.views.ids[:12])

    def identify(self) -> None:
        """A name for what is selected."""
        self.similar()
        self.do("label.identify")
        self.page("go.browse").identify_box.line.setText("str")

    def compare(self) -> None:
        """Four photos side by side."""
        page = self.go("go.browse")
        self.window.selection.set(page.views.ids[:4])
        self.do("view.compare")

    def browse_dark(self) -> None:
        """The same in dark."""
        page = self.go("go.browse")
        page.views.clear()
        self.theme.apply(self.app, "dark")
        self.browse()

    def history(self) -> None:
        """What was decided."""
        self.theme.apply(self.app, "light")
        self.go("go.history")

    # ---- Discover --------------------------------------------------------------------------
    def _clusters(self):  # noqa: ANN202
        page = self.go("go.discover")
        self.until(lambda: page.desk.details and page.map.points is not None)
        return page

    def discover(self) -> None:
        """The clusters and the members of one."""
        self._clusters()

    def discover_name(self) -> None:
        """Accept and name."""
        self._clusters()
        self.do("cluster.accept")

    def discover_split(self) -> None:
        """A split before it is made."""
        self._clusters()
        self.do("cluster.split")
        self.settle(4)

    def discover_grow(self) -> None:
        """Pages of candidates."""
        page = self._clusters()
        self.leave("cluster.escape")
        self.do("cluster.grow")
        self.until(lambda: page.growing.growing)

    def discover_audit(self) -> None:
        """The sample before it is written, in dark."""
        page = self.go("go.discover")
        if not page.growing.growing:
            self.discover_grow()
        self.theme.apply(self.app, "dark")
        for turn in range(12):  # the first pages are all of one kind, those further on are not
            if not page.growing.growing:
                break
            self.do("grow.match" if turn < 2 else "grow.not")
        self.settle(3)

    def discover_place(self) -> None:
        """What is left, under the nearest known names."""
        self.theme.apply(self.app, "light")
        self.leave("grow.leave")
        self._clusters()
        self.do("clusters.place")
        self.settle(4)

    def discover_start(self) -> None:
        """How the groups are found."""
        self.go("go.discover")
        self.leave("known.leave")
        self.do("clusters.find")
        start = self.page("go.discover").start
        start.estimate.click()
        self.settle(1)
        self.until(lambda: not self.window.jobs.busy)

    def discover_export(self) -> None:
        """The end: named clusters, and the dialog that hands them over."""
        self._clusters().back()
        for command in (*["cluster.accept_as_is"] * 4, "project.export"):
            self.until(lambda: not self.page("go.discover").control.deciding.busy)
            self.do(command)
        self._popups()[-1].target.setText("/home/ada/Sample moths.csv")

    # ---- Prototypes ------------------------------------------------------------------------
    def _prototypes(self, place: int):  # noqa: ANN202
        page = self.go("go.prototypes")
        self.until(lambda: page.state.book is not None)
        self.do(f"proto.page{place}")
        self.settle(2)
        return page

    def prototypes(self) -> None:
        """The gallery."""
        self._prototypes(1)

    def prototypes_changes(self) -> None:
        """What changes without one."""
        self._prototypes(1)
        self.do("proto.try")
        self._prototypes(2)
        self.settle(3)

    def prototypes_explain(self) -> None:
        """Why a photo is classified as it is."""
        self.leave("proto.put_back")
        self._prototypes(1)
        self.go("go.browse")
        self.window.selection.set_current(7)
        self.settle()
        self.do("view.explain")
        self.settle(5)

    def prototypes_pair(self) -> None:
        """Two categories."""
        self._prototypes(4)
        self.settle(3)

    def prototypes_queue(self) -> None:
        """Where the models disagree."""
        self._prototypes(5)
        self.settle(4)

    # ---- Train -----------------------------------------------------------------------------
    def _run(self, method: str):  # noqa: ANN202
        page = self.go("go.train")
        self.until(lambda: any(r.method == method for r in page.control.runs))
        run = next(r for r in page.control.runs if r.method == method)
        page.show_run(run.id)
        self.settle(3)
        return page

    def train_setup(self) -> None:
        """What you want, which items, what will happen."""
        page = self.go("go.train")
        self.do("train.new")
        page.setup.methods.choose("ecaml")
        self.settle(6)

    def train_dial(self) -> None:
        """The dial of ECAML."""
        from PySide6.QtWidgets import QScrollArea

        self.train_setup()
        setup = self.page("go.train").setup
        setup.methods.choose("ecaml")
        self.settle(2)
        setup.findChild(QScrollArea).ensureWidgetVisible(setup.dial)

    def train_result(self) -> None:
        """Before and after."""
        self._run("ecaml")

    def train_neighbours(self) -> None:
        """Neighbours in both spaces."""
        page = self._run("ecaml").page
        page.show_view(2)
        self.until(lambda: page.neighbours._item)
        self.settle(4)

    def teach_categories(self) -> None:
        """Which hidden categories got worse and better."""
        page = self._run("ecaml").page
        page.show_view(1)
        self.until(page.result.lost.isVisible)
        self.settle(2)
        bar = page.result.verticalScrollBar()
        bar.setValue(page.result.lost_heading.y() - 180)

    def teach_drift(self) -> None:
        """What moved."""
        page = self._run("ecaml").page
        page.show_view(4)
        self.until(lambda: page.drift.view is not None)
        self.settle(6)
        page.drift.view.choose_item(1)
        self.settle(2)

    def train_live(self) -> None:
        """A training at work; it is stopped and thrown away afterwards."""
        page = self.go("go.train")
        self.do("train.new")
        page.setup.methods.choose("ecaml")
        self.settle(1)
        page.start(page.setup.request())
        jobs = self.window.jobs
        self.until(lambda: jobs.running and jobs.running.report, LONG_S)
        self.until(lambda: not jobs.busy or jobs.running.report.total > 1000, LONG_S)
        self.until(lambda: not jobs.busy or jobs.running.report.done > 500, LONG_S)


PICTURES = (
    "browse", "similar", "identify", "compare", "browse-dark", "history",
    "discover", "discover-name", "discover-split", "discover-grow", "discover-audit",
    "discover-place", "discover-start", "discover-export",
    "prototypes", "prototypes-changes", "prototypes-explain", "prototypes-pair",
    "prototypes-queue",
    "train-result", "train-neighbours", "teach-categories", "teach-drift", "train-setup",
    "train-dial", "train-live",
)  # fmt: skip
"""In an order in which each finds the window as it needs it."""


def sample(folder: Path) -> Path:
    """The sample project with all its runs, made in `folder`."""
    from fgvc_studio.services import demo

    def drive(steps):  # noqa: ANN001, ANN202
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value

    project = drive(demo.make_project(folder))
    drive(demo.run_loop(project, folder / "report"))
    return project


def main() -> int:
    """Take the pictures; 1 when one of them failed."""
    from PySide6.QtCore import QSettings

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", nargs="?", type=Path)
    parser.add_argument("--only", nargs="+", choices=PICTURES, default=PICTURES)
    parser.add_argument("--out", type=Path, default=IMAGES)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="guide-") as name:
        folder = Path(name)
        os.environ["FGVC_STUDIO_CONFIG"] = str(folder / "config")
        os.environ["XDG_CONFIG_HOME"] = str(folder / "config")
        QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(folder))
        source = given.project or sample(folder)
        copy = folder / "copy" / source.name
        shutil.copytree(source, copy)
        if (source.parent / "photos").is_dir():
            (copy.parent / "photos").symlink_to(source.parent / "photos")
        photographer = Photographer(copy, given.out)
        failed = []
        for picture in given.only:
            try:
                photographer.take(picture)
                print(f"{picture}.jpg")
            except (RuntimeError, TimeoutError, AttributeError) as error:
                failed.append(picture)
                print(f"{picture}: {error}")
        photographer.window.jobs.cancel_all()
        photographer.until(lambda: not photographer.window.jobs.busy)
        photographer.window.close()
        photographer.settle(0.5)
    for fault in photographer.faults:
        print(fault)
    return 1 if failed or photographer.faults else 0


if __name__ == "__main__":
    sys.exit(main())

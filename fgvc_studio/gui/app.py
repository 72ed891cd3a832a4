"""Starts the window: application, theme, translations, crash reports, warm-up."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QLibraryInfo, QLocale, Qt, QThread, QTimer, QTranslator
from PySide6.QtWidgets import QApplication

from fgvc_studio import __version__
from fgvc_studio.gui import collector, icons, log_file, preferences, theme
from fgvc_studio.gui.dialogs.crash import CrashHook
from fgvc_studio.gui.main_window import MainWindow

EXIT_OUR_FAULT = 3
_WARM_UP_AFTER_MS = 600
_WARM_UP_AFTER_OPENING_MS = 3000
_TRANSLATIONS = Path(__file__).parents[1] / "resources" / "translations"


def run(args: list[str]) -> int:
    """Show the window and return when it was closed.

    Parameters
    ----------
    args : list of str
        Nothing, a project, or ``--screenshots FOLDER PROJECT``.

    Returns
    -------
    int
        0, or 3 when the program made a mistake on the way.
    """
    app = make_application()
    log_file.start()
    hook = CrashHook(app.activeWindow)
    hook.install()
    window = MainWindow(crashed=hook.show_report)
    window.show()
    if args[:1] == ["--screenshots"]:
        from fgvc_studio.gui.screenshots import Screenshots

        theme.apply(app, "light", 1.0)
        pictures = Screenshots(window, Path(args[2]).resolve(), Path(args[1]).resolve())
        QTimer.singleShot(0, pictures.start)
        return app.exec()
    if args:
        QTimer.singleShot(0, lambda: window.open_project(Path(args[0]).resolve()))
    warm_up = WarmUp()
    delay = _WARM_UP_AFTER_OPENING_MS if args else _WARM_UP_AFTER_MS
    QTimer.singleShot(delay, warm_up.start)
    code = app.exec()
    warm_up.wait()
    return EXIT_OUR_FAULT if hook.count else code


def make_application() -> QApplication:
    """The application object with names, font, theme and language."""
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    # X11 would drop all but the last of the moves that wait: a lasso drawn while the window is
    # busy would lose its corners.
    app.setAttribute(Qt.ApplicationAttribute.AA_CompressHighFrequencyEvents, False)
    app.setOrganizationName(preferences.ORGANISATION)
    app.setApplicationName("FGVC Studio")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("fgvc-studio")
    app.setWindowIcon(icons.icon("app", "accent"))
    translate(app, QLocale())
    theme.apply(app, preferences.theme(), preferences.text_scale())
    app.styleHints().colorSchemeChanged.connect(lambda _scheme: _follow_system(app))
    return app


def translate(app: QApplication, locale: QLocale) -> list[QTranslator]:
    """Install the translations of Qt and of this program for `locale`, where there are any."""
    found = []
    for name, folder in (
        ("qtbase", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)),
        ("fgvc_studio", str(_TRANSLATIONS)),
    ):
        translator = QTranslator(app)
        if translator.load(locale, name, "_", folder):
            app.installTranslator(translator)
            found.append(translator)
    return found


def _follow_system(app: QApplication) -> None:
    if preferences.theme() == "system":
        theme.apply(app, "system")


class WarmUp(QThread):
    """Loads what opening a project and then the first job need, once the window stands."""

    def run(self) -> None:
        """Thread body (called by Qt)."""
        with collector.loading():
            self._load()

    def _load(self) -> None:
        from fgvc_studio.gui import palette, workspaces
        from fgvc_studio.gui.widgets import map_raster
        from fgvc_studio.services import studio  # noqa: F401

        workspaces.load()
        palette.category_colour(0, dark=theme.current().dark)
        map_raster.warm_up(wait=True)
        try:
            import torch
        except ImportError:  # the job that needs it says so in words
            return
        torch.set_num_threads(preferences.cores_for_jobs())

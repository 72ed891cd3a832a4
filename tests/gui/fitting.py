"""No page may need more than the smallest screen has."""

import time

from fgvc_studio.domain.records import Progress

SOON = 30_000


def pages_fit_while_a_job_runs(qtbot, window):
    """Visit all pages at 1280 x 800 with a job that has a long title."""

    def work():
        for done in range(100_000):
            yield Progress(done, 100_000, "Preparing views")
            time.sleep(0.01)

    job = window.jobs.add("Train: Teach it your eye, all of it", work)
    try:
        qtbot.waitUntil(lambda: job.report is not None, timeout=SOON)
        for command in window.workspaces:
            window.go(command)
            qtbot.wait(50)
            least = window.minimumSizeHint()
            assert least.width() <= 1280 and least.height() <= 770, (command, least)
            assert window.top.minimumSizeHint().width() <= 1150, command  # the rail has 86
            assert (window.width(), window.height()) == (1280, 800), command
        strip = window.top.jobs
        assert "Train" not in strip.button.text() and job.title in strip.toolTip()
        window.resize(1440, 800)
        qtbot.waitUntil(lambda: "Train: Teach" in strip.button.text(), timeout=SOON)
    finally:  # a window with a job asks before it closes
        window.jobs.shut_down()

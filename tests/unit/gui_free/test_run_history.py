"""Reports of a run as curves: parts, resumed steps, thinning, panels, the picture."""

import math

import numpy as np

from fgvc_studio.domain.records import Progress
from fgvc_studio.gui import palette, theme
from fgvc_studio.gui.models.run_history import RunHistory
from fgvc_studio.gui.widgets.curve_figure import draw, smoothed
from fgvc_studio.gui.widgets.heat import heat_image
from fgvc_studio.gui.workspaces import train_words


def report(step, total=100, epoch=0, **detail):
    losses = {"metric": 1.0 / step, "total": 2.0 / step}
    return Progress(step, total, "x", 5.0, True, {"run": "r", "epoch": epoch, "losses": losses,
                                                  **detail})  # fmt: skip


def test_reports_become_lines_that_break_where_a_new_training_begins():
    history = RunHistory()
    for step in range(1, 11):
        history.take(report(step, epoch=step // 5, diagnostics={"hidden_map@r": step / 10}))
    history.take(report(11, epoch=0, alarms=["It collapses."]))
    found = history.snapshot()
    assert history.run_id == "r" and found.parts == (11,) and found.total == 100
    x, y = found.losses["metric"]
    assert np.isnan(y).sum() == 1 and len(x) == 12
    assert history.best("hidden_map@r") == 1.0 and math.isnan(history.latest("none"))
    assert history.alarms == ["It collapses."]


def test_a_resumed_run_does_steps_again():
    history = RunHistory("r")
    history.load([{"step": s, "total": 9, "epoch": 0, "losses": {"a": s}} for s in range(1, 6)])
    assert history.points() == 5
    history.take(report(4, total=9))
    assert history.progress == (4, 9)
    assert history.snapshot().losses["a"][0].tolist() == [1, 2, 3]
    version = history.version
    history.load([{"step": 1, "losses": {"a": 0}}])  # too late: it reports already
    assert history.version == version


def test_the_driver_goes_through_and_a_stop_reaches_the_generator():
    closed, history = [], RunHistory()

    def steps():
        try:
            for i in range(1, 9):
                yield report(i)
            return "made"
        finally:
            closed.append(True)

    job = history.watched(steps())
    assert next(job).done == 1
    job.close()
    assert closed == [True] and history.points() == 1
    whole = history.watched(steps())
    try:
        while True:
            next(whole)
    except StopIteration as end:
        assert end.value == "made"


def test_many_points_are_thinned_to_means():
    history = RunHistory()
    for step in range(1, 4001):
        history.take(report(step, total=4000))
    x, y = history.snapshot().losses["total"]
    assert len(x) == 500 and x[0] == 4.5
    assert y[0] == np.mean([2.0 / s for s in range(1, 9)])


def test_panels_and_their_picture():
    history = RunHistory()
    for step in range(1, 40):
        diagnostics = {"hidden_map@r": 0.5, "hidden_recall@1": 0.9, "row_length": 1.0,
                       "mean_cosine": 0.1} if step % 4 == 0 else {}  # fmt: skip
        history.take(report(step, total=80, epoch=step // 4, diagnostics=diagnostics))
    lines = {"hidden_map@r": (("frozen", 0.4),)}
    panels = tuple(train_words.panels_of(history.snapshot(), lines))
    titles = [p.title for p in panels]
    assert titles[0] == "Categories it never saw" and "Losses" in titles
    assert panels[0].lines == (("frozen", 0.4),)
    colours = palette.categorical(8, dark=False)
    made = draw(panels, (), 80, (500, 300), 2.0, theme.LIGHT, colours)
    assert (made.image.width(), made.image.height()) == (1000, 600)
    assert len(made.frames) == len(panels)
    for frame in made.frames:
        assert 0 <= frame.left < frame.left + frame.width <= 1
        assert 0 <= frame.top < frame.top + frame.height <= 1
        assert (frame.x_low, frame.x_high) == (0, 80)


def test_smoothing_starts_anew_after_a_break():
    y = np.array([1.0] * 30 + [np.nan] + [5.0] * 30)
    out = smoothed(y)
    assert out[29] == 1 and np.isnan(out[30]) and out[31] == 5


def test_heat_is_clear_where_nothing_was_looked_at():
    picture = heat_image(np.array([[0.0, 1.0]], np.float32), dark=False)
    assert picture.pixelColor(0, 0).alpha() == 0 and picture.pixelColor(1, 0).alpha() > 150

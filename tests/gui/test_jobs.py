"""The compute lane, its strip, the light lane and the bridge from the bus."""

import threading
import time

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QThread

from fgvc_studio.domain.errors import Cancelled, UserError
from fgvc_studio.domain.events import ItemsAdded, MapChanged, OpChanges
from fgvc_studio.domain.records import Operation, Progress
from fgvc_studio.gui.bus_bridge import BusBridge
from fgvc_studio.gui.job_thread import JobQueue, JobState
from fgvc_studio.gui.task_pool import TaskPool
from fgvc_studio.gui.widgets.jobs_strip import JobsStrip, long_state, short_state
from fgvc_studio.services.bus import Bus


@pytest.fixture
def queue(qtbot):
    q = JobQueue()
    yield q
    assert q.shut_down(5000)


@pytest.fixture
def pool():
    p = TaskPool()
    yield p
    p.shut_down()


def counting(n, pause=0.0, safe=True):
    def work():
        for i in range(1, n + 1):
            time.sleep(pause)
            yield Progress(i, n, "Counting", 10.0, safe)
        return n

    return work


def endless(closed):
    def work():
        try:
            i = 0
            while True:
                i += 1
                time.sleep(0.002)
                yield Progress(i, 0)
        finally:
            closed.append(threading.current_thread() is not threading.main_thread())

    return work


def test_job_runs_outside_the_gui_thread_and_returns(queue, qtbot):
    results, threads = [], []

    def work():
        threads.append(QThread.currentThread())
        yield Progress(1, 1)
        return 42

    with qtbot.waitSignal(queue.ended):
        job = queue.add("Answer", work, results.append)
    assert job.state is JobState.DONE
    assert results == [42]
    assert threads[0] is not QCoreApplication.instance().thread()
    assert queue.running is None
    assert "Done in" in long_state(job)


def test_progress_is_polled_not_queued(queue, qtbot):
    seen = []
    queue.changed.connect(lambda job: seen.append(job.report))
    with qtbot.waitSignal(queue.ended):
        job = queue.add("Count", counting(20_000))
    assert job.report.done == 20_000
    assert len(seen) < 60


def test_jobs_wait_for_one_another(queue, qtbot):
    order = []
    queue.started.connect(lambda job: order.append(f"start {job.title}"))
    queue.ended.connect(lambda job: order.append(f"end {job.title}"))
    with qtbot.waitSignal(queue.idle):
        queue.add("one", counting(5, 0.005))
        second = queue.add("two", counting(5, 0.005))
        assert second.state is JobState.WAITING
    assert order == ["start one", "end one", "start two", "end two"]


def test_the_same_key_is_not_queued_twice(queue, qtbot):
    with qtbot.waitSignal(queue.idle):
        first = queue.add("Embed", counting(5, 0.005), key="embed")
        assert queue.add("Embed", counting(5), key="embed") is first
    assert queue.add("Embed", counting(1), key="embed") is not first
    qtbot.waitUntil(lambda: not queue.busy)


def test_cancel_shows_at_once_and_closes_the_generator_in_its_thread(queue, qtbot):
    closed = []
    job = queue.add("Endless", endless(closed))
    qtbot.waitUntil(lambda: job.report is not None)
    queue.cancel(job)
    assert job.state is JobState.STOPPING
    assert short_state(job) == "Stopping..."
    with qtbot.waitSignal(queue.ended):
        pass
    assert job.state is JobState.CANCELLED
    assert closed == [True]


def test_unsafe_points_are_not_stopped_at(queue, qtbot):
    def work():
        for i in range(3):
            time.sleep(0.01)
            yield Progress(i, 3, safe_point=False)
        return "whole"

    with qtbot.waitSignal(queue.ended):
        job = queue.add("Unsafe", work)
        queue.cancel(job)
    assert job.state in (JobState.DONE, JobState.CANCELLED)
    assert job.result == "whole" or job.report is None


def test_waiting_job_is_cancelled_without_a_start(queue, qtbot):
    first = queue.add("one", endless([]))
    second = queue.add("two", counting(3))
    queue.cancel(second)
    assert second.state is JobState.CANCELLED
    assert second.started == 0
    queue.cancel(first)
    qtbot.waitUntil(lambda: not queue.busy)


def test_pause_holds_and_resume_goes_on(queue, qtbot):
    job = queue.add("Endless", endless([]))
    qtbot.waitUntil(lambda: job.report is not None)
    queue.pause(job)
    assert job.state is JobState.PAUSED
    qtbot.wait(250)
    held = job.report.done
    qtbot.wait(250)
    assert job.report.done == held
    queue.resume(job)
    qtbot.waitUntil(lambda: job.report.done > held)
    queue.cancel(job)
    qtbot.waitUntil(lambda: not queue.busy)


def test_faults_of_the_world_and_of_ours_are_told_apart(queue, qtbot):
    def world():
        yield Progress(0, 1)
        raise UserError("The disk is full.", "Make room.")

    def ours():
        yield Progress(0, 1)
        raise ZeroDivisionError("oops")

    def stopped():
        yield Progress(0, 1)
        raise Cancelled

    with qtbot.waitSignal(queue.idle):
        jobs = [queue.add(w.__name__, w) for w in (world, ours, stopped)]
    assert [j.state for j in jobs] == [JobState.FAILED, JobState.FAILED, JobState.CANCELLED]
    assert long_state(jobs[0]) == "The disk is full. Make room."
    assert not jobs[0].crash
    assert "ZeroDivisionError: oops" in jobs[1].crash


def test_shut_down_leaves_no_thread(qtbot):
    queue = JobQueue()
    job = queue.add("Endless", endless([]))
    waiting = queue.add("Later", counting(2))
    assert queue.shut_down(5000)
    assert job.state is JobState.CANCELLED
    assert waiting.state is JobState.CANCELLED
    assert not queue._threads


def test_strip_follows_the_job(queue, qtbot):
    strip = JobsStrip(queue)
    qtbot.addWidget(strip)
    assert strip.button.text() == "Jobs"
    job = queue.add("Embed the images", endless([]))
    assert "Embed the images" in strip.button.text()
    row = strip.popup.row(job)
    row.pause.click()
    assert row.pause.text() == "Go on"
    row.stop.click()
    assert row.state.text() == "Stopping..."
    assert not row.stop.isEnabled()
    qtbot.waitUntil(lambda: not queue.busy)
    assert strip.button.text() == "Jobs"
    assert row.state.text().startswith("Stopped")


def test_newest_request_of_a_slot_wins(pool, qtbot):
    gate = threading.Event()
    got = []

    def slow(ticket):
        gate.wait(5)
        return ("old", ticket.stale)

    pool.submit("view", slow, got.append)
    pool.submit("view", lambda _t: ("new", False), got.append)
    qtbot.waitUntil(lambda: bool(got))
    gate.set()
    qtbot.wait(50)
    assert got == [("new", False)]


def test_results_arrive_in_the_gui_thread_and_errors_apart(pool, qtbot):
    got, errors, crashes = [], [], []
    pool.crashed.connect(crashes.append)

    def fault(_ticket):
        raise UserError("Gone.", "Look elsewhere.")

    def crash(_ticket):
        raise KeyError("x")

    main = QThread.currentThread()
    pool.submit("a", lambda _t: 1, lambda r: got.append((r, QThread.currentThread() is main)))
    pool.submit("b", fault, got.append, errors.append)
    pool.submit("c", crash, got.append, errors.append)
    qtbot.waitUntil(lambda: bool(got and errors and crashes))
    assert got == [(1, True)]
    assert errors[0].remedy == "Look elsewhere."
    assert "KeyError" in crashes[0]
    assert not pool.waiting("a")


def operation(i):
    return Operation(i, 0.0, "me", "here", "do", "label", f"op {i}", 1, None, None, False)


def test_bus_events_of_other_threads_arrive_merged_in_the_gui_thread(qtbot):
    bus = Bus()
    bridge = BusBridge(bus)
    decided, added, maps = [], [], []
    main = QThread.currentThread()
    bridge.decided.connect(lambda e: decided.append((e, QThread.currentThread() is main)))
    bridge.items_added.connect(added.append)
    bridge.map_changed.connect(maps.append)

    def publish():
        for i in range(1, 101):
            bus.publish(OpChanges(operation(i), frozenset({"labels"}), np.array([i, i + 1])))
        bus.publish(ItemsAdded(10, 5))
        bus.publish(ItemsAdded(15, 5))
        bus.publish(MapChanged("s", "pca"))
        bus.publish(MapChanged("s", "pca"))

    worker = threading.Thread(target=publish)
    worker.start()
    worker.join()
    qtbot.waitUntil(lambda: bool(maps))
    assert len(decided) == 1
    event, in_gui = decided[0]
    assert in_gui
    assert event.operation.id == 100
    assert event.items.tolist() == list(range(1, 102))
    assert added == [ItemsAdded(10, 10)]
    assert maps == [MapChanged("s", "pca")]
    bridge.close()
    bus.publish(ItemsAdded(1, 1))
    qtbot.wait(20)
    assert len(added) == 1


def test_a_job_aside_does_not_wait_for_the_lane(queue, qtbot):
    closed = []
    long = queue.add("Train", endless(closed))
    with qtbot.waitSignal(queue.ended):
        export = queue.add("Export", counting(3), aside=True)
        assert export.state is JobState.RUNNING
    assert export.state is JobState.DONE
    assert long.state is JobState.RUNNING and queue.running is long and queue.busy
    queue.cancel(long)
    with qtbot.waitSignal(queue.idle):
        pass
    assert not queue.busy

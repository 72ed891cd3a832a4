"""The estimate of a run: in the helper process, kept with the run, told in words."""

import threading
import time

import numpy as np
import pytest

from fgvc_studio.domain.errors import UserError
from fgvc_studio.services import counting
from fgvc_studio.services.process_lane import ProcessLane


class Project:
    """A studio as far as a counter looks."""

    def __init__(self):
        self.exploring, self._lane = self, ProcessLane()

    def lane(self):
        return self._lane


@pytest.fixture
def project():
    made = Project()
    yield made
    made.lane().close()


def counted(job):
    while True:
        try:
            next(job)
        except StopIteration as end:
            return end.value


def test_an_estimate_is_kept_with_its_curve_and_told(project, tmp_path):
    rng = np.random.default_rng(0)
    centres = np.linalg.qr(rng.standard_normal((24, 24)))[0]
    truth = np.repeat(np.arange(13), 14)
    vectors = (centres[truth] + rng.normal(0, 0.03, (len(truth), 24))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = np.where(truth < 9, truth, -1)
    count, low, high = counted(counting.Counter(project, tmp_path)(vectors, labels, "density"))
    assert low <= count <= high and abs(count - 4) <= 1
    curve = counting.curve(tmp_path)
    assert max(curve, key=lambda point: point[1])[0] in range(low, high + 1)
    told = counting.notes(tmp_path)
    assert told[0].startswith(f"New categories by each rule: density {count}")
    assert told[-1].startswith("With 3 known categories hidden it says ")


def test_what_cannot_be_estimated_is_said(project, tmp_path):
    vectors = np.eye(4, dtype=np.float32)
    with pytest.raises(UserError, match="cannot be estimated") as caught:
        counted(counting.Counter(project, tmp_path)(vectors, np.arange(4), "density"))
    assert "novel=" in caught.value.remedy
    assert counting.curve(tmp_path) == () and counting.notes(tmp_path) == []


def test_work_that_waits_for_the_helper_can_be_left(project):
    begun = threading.Event()
    leave = threading.Event()

    def busy():
        job = project.lane().run(time.sleep, 60)
        next(job)
        begun.set()
        leave.wait(30)
        job.close()

    other = threading.Thread(target=busy)
    other.start()
    try:
        assert begun.wait(30)
        waiting = project.lane().run(abs, -3, title="Counting")
        started = time.monotonic()
        assert "waits" in next(waiting).text
        waiting.close()
        assert time.monotonic() - started < 2
    finally:
        leave.set()
        other.join(30)
    assert counted(project.lane().run(abs, -3)) == 3


def test_groups_are_made_in_the_helper(project):
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(3), 10)
    vectors = np.eye(3, 8, dtype=np.float32)[truth] + rng.normal(0, 0.01, (30, 8))
    found = counted(counting.Grouper(project)(vectors.astype(np.float32), 3, "umap", 0))
    assert len(np.unique(truth * 3 + found)) == 3

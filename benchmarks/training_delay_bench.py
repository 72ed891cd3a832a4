"""How long a training thread makes the window's events wait.

Run: ``python benchmarks/training_delay_bench.py [--seconds 15]``

A clock in a process of its own writes the time into a socket every 16 ms; the Qt process reads it
in its event loop (``QSocketNotifier``) and notes how late it is. Meanwhile a `QThread` trains a
ResNet-18 (micro-batches of 8 at 128 px) on all cores but one. Three fresh processes: at rest,
training as the program does, and training without what the entry point sets (no
``OMP_WAIT_POLICY``, no ``setswitchinterval``, all cores).
"""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import struct
import subprocess
import sys
import time

import common
from common import Row

PERIOD = 0.016


def clock(end: socket.socket, seconds: float) -> None:
    """Send the monotonic clock's time every 16 ms, at even steps."""
    begin = time.monotonic()
    due = begin
    while due < begin + seconds:
        due += PERIOD
        time.sleep(max(0.0, due - time.monotonic()))
        end.send(struct.pack("d", time.monotonic()))
    end.close()


def child(mode: str, seconds: float) -> None:
    """One measurement: prints delays in ms and steps per second as JSON."""
    if mode != "unprepared":
        common.like_the_program()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    import numpy as np
    from PySide6.QtCore import QCoreApplication, QSocketNotifier, QThread

    class Training(QThread):
        steps, stop, ready = 0, False, False

        def run(self) -> None:
            import torch
            import torchvision

            cores = os.cpu_count() or 1
            torch.set_num_threads(cores if mode == "unprepared" else max(1, cores - 1))
            torch.manual_seed(0)
            model = torchvision.models.resnet18(num_classes=200)
            best = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
            images, labels = torch.randn(8, 3, 128, 128), torch.arange(8)
            while not self.stop:
                loss = torch.nn.functional.cross_entropy(model(images), labels)
                best.zero_grad()
                loss.backward()
                best.step()
                self.steps += 1
                self.ready = True

    app = QCoreApplication([])
    training = Training()
    if mode != "idle":
        training.start()
        while not training.ready and not training.isFinished():
            time.sleep(0.05)
    here, there = socket.socketpair()
    ticker = multiprocessing.get_context("fork").Process(target=clock, args=(there, seconds))
    late: list[float] = []
    notifier = QSocketNotifier(here.fileno(), QSocketNotifier.Type.Read)

    def tick() -> None:
        data = here.recv(8)
        if data:
            late.append((time.monotonic() - struct.unpack("d", data)[0]) * 1e3)
        else:
            notifier.setEnabled(False)
            app.quit()

    notifier.activated.connect(tick)
    before = training.steps
    ticker.start()
    there.close()
    app.exec()
    ticker.join()
    steps = training.steps - before
    training.stop = True
    training.wait()
    p50, p99 = np.percentile(late, (50, 99))
    print(json.dumps([p50, p99, max(late), steps / seconds, len(late)]))


def measure(mode: str, seconds: float) -> list[float]:
    """One measurement in a fresh process."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, __file__, "--mode", mode, "--seconds", str(seconds)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = common.arguments(__doc__, project=False)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--mode", choices=("idle", "training", "unprepared"))
    args = parser.parse_args()
    if args.mode:
        child(args.mode, args.seconds)
        return
    idle, ours, base = (measure(m, args.seconds) for m in ("idle", "training", "unprepared"))
    rates = f"{ours[3]:.1f} steps/s; unprepared {base[3]:.1f}"
    against = "as imported"
    rows = [
        Row("event delay at rest, p99", "", idle[1], note=f"p50 {idle[0]:.2f}, max {idle[2]:.2f}"),
        Row("event delay in training, p50", "", ours[0], baseline=base[0], against=against),
        Row(
            "event delay in training, p99", "< 4 ms", ours[1],
            baseline=base[1], against=against, note=rates,
        ),
        Row("event delay in training, max", "", ours[2], baseline=base[2], against=against),
    ]  # fmt: skip
    common.show(rows, args)


if __name__ == "__main__":
    main()

"""Run the frozen part of a cut backbone on many pictures; on the CPU with OpenVINO if it pays."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fgvc_studio.vision.runtimes import agreement
from fgvc_studio.vision.split import Split

CONVERT_AFTER = 256
"""Pictures after which a conversion (some seconds) pays."""
_MICRO_BATCH = 8
_LEAST_COSINE = 0.99999
"""Both compute in float32: what agrees less computes something else."""

Array = NDArray[np.float32]


class FrozenRunner:
    """Pictures -> output at the cut; torch at first, OpenVINO once there are many.

    Parameters
    ----------
    split : Split
        On a GPU it is torch all along.
    threads : int
        CPU threads of OpenVINO; 0 leaves the choice to it.
    """

    def __init__(self, split: Split, threads: int = 0, convert_after: int = CONVERT_AFTER) -> None:
        self._split, self._threads = split, threads
        self._device = next((p.device for p in split.frozen.parameters()), torch.device("cpu"))
        self._left = convert_after
        self._requests: dict[int, Any] = {}
        self._torch_only = self._device.type != "cpu" or not list(split.frozen.parameters())

    @property
    def name(self) -> str:
        """What it runs on at present."""
        return "openvino" if any(self._requests.values()) else "torch"

    def __call__(self, images: Array) -> Array:
        """(B, 3, S, S) float32 -> (B, ...) float32; a few pictures at a time."""
        side = images.shape[-1]
        if not self._torch_only:
            self._left -= len(images)
            if self._left < 0 and side not in self._requests:
                self._requests[side] = self._converted(images[:2])
        request = self._requests.get(side)
        parts = []
        for at in range(0, len(images), _MICRO_BATCH):
            part = images[at : at + _MICRO_BATCH]
            parts.append(self._torch(part) if request is None else _inferred(request, part))
        return np.concatenate(parts)

    def _torch(self, images: Array) -> Array:
        batch = torch.from_numpy(images).to(self._device)
        with torch.inference_mode():
            out = self._split.frozen(batch.contiguous(memory_format=torch.channels_last))
        return out.float().contiguous().cpu().numpy()

    def _converted(self, sample: Array) -> Any:
        """A request for pictures of one size (a trace is true for its size only), or None.

        The conversion is used only when it agrees with torch.
        """
        try:
            from fgvc_studio.vision.openvino_runtime import import_openvino

            openvino = import_openvino()
            with torch.inference_mode(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the tracer, about what depends on the size
                example = torch.from_numpy(sample)
                model = openvino.convert_model(self._split.frozen, example_input=example)
            model.reshape([-1, *sample.shape[1:]])
            config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
            if self._threads:
                config["INFERENCE_NUM_THREADS"] = str(self._threads)
            request = openvino.Core().compile_model(model, "CPU", config).create_infer_request()
            agrees = agreement(self._torch(sample), _inferred(request, sample)) >= _LEAST_COSINE
        except Exception:  # noqa: BLE001  (a plug-in may fail in any way; torch is always there)
            return None
        return request if agrees else None


def _inferred(request: Any, images: Array) -> Array:
    request.infer([np.ascontiguousarray(images)], share_inputs=True)
    made: Array = request.get_output_tensor(0).data.copy()
    return made

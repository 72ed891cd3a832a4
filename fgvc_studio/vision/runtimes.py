"""Run a backbone on batches: with torch, or several times faster with OpenVINO on the CPU."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.vision.backbones import Backbone

Images = NDArray[np.float32]
LEAST_COSINE = 0.999
"""A faster runtime is used only if its vectors agree with torch's at least this well."""


class Embeds(Protocol):
    """Something that turns batches into vectors."""

    def embed(self, batch: Images) -> NDArray[np.float32]:
        """(B, 3, H, W) float32 -> (B, D) float32, not normalised."""
        ...


class Runtime(Embeds, Protocol):
    """A network for pictures.

    Attributes
    ----------
    name : str
        E.g. ``openvino-f32``.
    note : str
        Why this runtime and not a faster one, or empty.
    """

    name: str
    note: str

    def features(self, batch: Images) -> NDArray[np.float32]:
        """(B, 3, H, W) float32 -> (B, C, h, w) float32, before pooling."""
        ...


class TorchRuntime:
    """torch on the CPU, channels-last; bfloat16 only where the CPU computes it and it agrees."""

    def __init__(self, backbone: Backbone, threads: int = 0, note: str = "") -> None:
        import torch

        self._torch = torch
        if threads:
            torch.set_num_threads(threads)
        self._backbone = backbone
        backbone.model.to(memory_format=torch.channels_last)
        self._bfloat16 = False
        self.note = note
        if _has_fast_bfloat16():
            batch = probe(backbone)
            exact = self.embed(batch)
            self._bfloat16 = True
            self._bfloat16 = agreement(exact, self.embed(batch)) > LEAST_COSINE
        self.name = "torch-bf16" if self._bfloat16 else "torch-f32"

    def embed(self, batch: Images) -> NDArray[np.float32]:
        """See `Runtime`."""
        return self._run(self._backbone.forward, batch)

    def features(self, batch: Images) -> NDArray[np.float32]:
        """See `Runtime`."""
        return self._run(self._backbone.forward_features, batch)

    def _run(self, function: Any, batch: Images) -> NDArray[np.float32]:
        torch = self._torch
        images = torch.from_numpy(batch).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, self._bfloat16):
            return function(images).float().contiguous().numpy()


def make(
    backbone: Backbone, runtime: str = "auto", threads: int = 0, cache: Path | None = None
) -> Runtime:
    """The fastest runtime that agrees with torch.

    Parameters
    ----------
    runtime : str
        ``auto`` (OpenVINO where it works, else torch), ``openvino`` or ``torch``.
    threads : int
        CPU threads; 0 leaves the choice to the runtime.
    cache : Path, optional
        Folder for converted networks; the user's cache folder by default.

    Raises
    ------
    UserError
        Unknown name, or ``openvino`` demanded where it does not work.
    """
    if runtime not in ("auto", "openvino", "torch"):
        raise UserError(f"There is no runtime {runtime!r}.", "Choose auto, openvino or torch.")
    if runtime == "torch":
        return TorchRuntime(backbone, threads)
    from fgvc_studio.vision.openvino_runtime import OpenVinoRuntime

    try:
        return OpenVinoRuntime(backbone, threads, cache)
    except UserError:
        raise
    except Exception as error:  # a plug-in may fail in any way; torch is always there
        reason = str(error).strip().split("\n")[0][:200]
        if runtime == "openvino":
            raise UserError(
                f"OpenVINO cannot run {backbone.name} ({reason}).", "Choose torch."
            ) from error
        return TorchRuntime(backbone, threads, f"OpenVINO is not used: {reason}")


def probe(backbone: Backbone, count: int = 4) -> Images:
    """Fixed test pictures, smooth and noisy: (count, 3, size, size) float32 about -1..1."""
    size = backbone.transform.size
    rng = np.random.default_rng(0)
    coarse = rng.uniform(-1, 1, (count, 3, 8, 8)).astype(np.float32)
    index = np.arange(size) * 8 // size
    smooth = coarse[:, :, index][:, :, :, index]
    return smooth + rng.normal(0, 0.1, smooth.shape).astype(np.float32)


def agreement(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Smallest cosine between equal rows of two arrays (N, ...)."""
    a, b = (rows.reshape(len(rows), -1).astype(np.float64) for rows in (first, second))
    scale = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(np.min((a * b).sum(1) / np.maximum(scale, 1e-30)))


def _has_fast_bfloat16() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags

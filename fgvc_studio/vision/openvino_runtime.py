"""OpenVINO on the CPU, from a converted copy that is made once and kept in the user's cache."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.vision.backbones import Backbone, feature_map
from fgvc_studio.vision.runtimes import LEAST_COSINE, agreement, probe

_FORMAT = 1


def import_openvino() -> ModuleType:
    """Import OpenVINO without its telemetry, which would otherwise open a connection.

    OpenVINO takes a stub of its own when the telemetry package cannot be imported; so that is
    what it meets here, whatever is installed.
    """
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino


class OpenVinoRuntime:
    """See `runtimes.Runtime`. The first start converts and tests; later ones need no torch.

    Raises
    ------
    ImportError, RuntimeError, OSError
        When OpenVINO is missing or does not agree with torch; `runtimes.make` falls back.
    """

    def __init__(self, backbone: Backbone, threads: int = 0, cache: Path | None = None) -> None:
        self._openvino = import_openvino()
        self._core = self._openvino.Core()
        self._threads = threads
        self._lock = Lock()
        self.note = ""
        folder = (cache or default_cache()) / backbone.key[:32]
        state = _read_state(folder, self._precisions())
        model = None
        if state:
            try:
                model = self._core.read_model(folder / "model.xml")
            except RuntimeError:
                state = None  # a damaged copy: make it again
        if not state:
            model = self._convert(backbone)
            state = self._tested(backbone, model)
            self._keep(folder, model, state)
        self._compile(model, state["precision"])

    def embed(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `runtimes.Runtime`."""
        return self._run(self._embed, batch)

    def features(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `runtimes.Runtime`."""
        return self._run(self._features, batch)

    def _run(self, request: Any, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        with self._lock:  # a search may ask while a job embeds
            request.infer([np.ascontiguousarray(batch)], share_inputs=True)
            return request.get_output_tensor(0).data.copy()

    def _precisions(self) -> list[str]:
        """Precisions to try on this CPU, fastest first."""
        fast = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return ["bf16", "f32"] if fast else ["f32"]

    def _compile(self, model: Any, precision: str) -> None:
        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        if self._threads:
            config["INFERENCE_NUM_THREADS"] = str(self._threads)
        outputs = [output.get_node().input_value(0) for output in model.outputs]
        requests = []
        for output in outputs:
            part = self._openvino.Model([output], model.get_parameters(), "part")
            requests.append(self._core.compile_model(part, "CPU", config).create_infer_request())
        self._embed, self._features = requests
        self.name = f"openvino-{precision}"

    def _convert(self, backbone: Backbone) -> Any:
        import torch

        class Both(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.model = backbone.model

            def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
                raw = self.model.forward_features(images)
                return self.model.forward_head(raw, pre_logits=True), feature_map(self.model, raw)

        size = backbone.transform.size
        with torch.inference_mode():
            model = self._openvino.convert_model(
                Both().eval(), example_input=torch.zeros(2, 3, size, size)
            )
        model.reshape([-1, 3, size, size])
        return model

    def _tested(self, backbone: Backbone, model: Any) -> dict[str, Any]:
        import torch

        batch = probe(backbone)
        with torch.inference_mode():
            images = torch.from_numpy(batch)
            vectors = backbone.forward(images).numpy()
            cells = backbone.forward_features(images).numpy()
        worst = 0.0
        for precision in self._precisions():
            self._compile(model, precision)
            worst = min(
                agreement(vectors, self.embed(batch)), agreement(cells, self.features(batch))
            )
            if worst > LEAST_COSINE:
                return {"format": _FORMAT, "precision": precision, "cosine": worst}
        raise RuntimeError(f"its vectors differ from torch's (cosine {worst:.4f})")

    def _keep(self, folder: Path, model: Any, state: dict[str, Any]) -> None:
        """Write the converted copy; a full or read-only disk costs only the next start's time."""
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as name:
                made = Path(name)
                self._openvino.save_model(model, made / "model.xml", compress_to_fp16=False)
                (made / "state.json").write_text(json.dumps(state), encoding="utf-8")
                folder.mkdir(exist_ok=True)
                for file in ("model.bin", "model.xml", "state.json"):  # the state last: it counts
                    (made / file).replace(folder / file)
        except (OSError, RuntimeError) as error:
            self.note = f"The converted network was not kept ({error})."


def default_cache() -> Path:
    """Folder for converted networks."""
    from platformdirs import user_cache_path

    return user_cache_path("fgvc-studio") / "openvino"


def _read_state(folder: Path, precisions: list[str]) -> dict[str, Any] | None:
    """What is known of a kept copy; None when there is none that fits this CPU and program."""
    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    fits = isinstance(state, dict) and state.get("format") == _FORMAT
    return state if fits and state.get("precision") in precisions else None

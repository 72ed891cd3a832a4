"""What a finished run is used for: predictions whose evidence adds up, on or off patch by patch."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fgvc_studio.domain.errors import UserError
from fgvc_studio.methods import checkpoints
from fgvc_studio.methods.config import changed
from fgvc_studio.methods.st_protopnet.config import StProtoConfig
from fgvc_studio.methods.st_protopnet.evaluation import Calibration, own_best, probabilities
from fgvc_studio.methods.st_protopnet.losses import BRANCHES
from fgvc_studio.methods.st_protopnet.model import Shape, StProtoNet, enlarged, network
from fgvc_studio.methods.st_protopnet.projection import Patch, Projected
from fgvc_studio.vision.backbones import Backbone
from fgvc_studio.vision.split import Split, cut

MODEL, FACTS = "model.safetensors", "model.json"
FORMAT = 1
PASSES, SIGMA = 10, 0.2
"""Noisy passes of SmoothGrad, and their deviation as a part of the values' range."""

Images = NDArray[np.float32]


@dataclass(frozen=True)
class Prediction:
    """What is said of n images.

    Attributes
    ----------
    logits : ndarray (n, C) float32
        Of both branches together.
    probabilities : ndarray (n, C) float64
        Calibrated.
    unknown : ndarray (n,) bool
        Looks like nothing the classifier knows.
    """

    logits: NDArray[np.float32]
    probabilities: NDArray[np.float64]
    unknown: NDArray[np.bool_]

    @property
    def classes(self) -> NDArray[np.int64]:
        """The predicted class of each image, (n,)."""
        return self.logits.argmax(1).astype(np.int64)


@dataclass(frozen=True)
class Evidence:
    """Why an image is classified as it is, branch by branch.

    Attributes
    ----------
    logits : ndarray (C,) float32
        Of both branches.
    contributions : mapping
        Branch -> (C, P); their sum over both branches and all prototypes is the logit.
    maps : mapping
        Branch -> similarity maps (P, H, W).
    cells : mapping
        Branch -> row and column of each prototype's maximum (P, 2).
    """

    logits: NDArray[np.float32]
    contributions: Mapping[str, NDArray[np.float32]]
    maps: Mapping[str, NDArray[np.float32]]
    cells: Mapping[str, NDArray[np.int64]]

    @property
    def best(self) -> tuple[int, int, float]:
        """The two best classes and their margin."""
        order = np.argsort(-self.logits, kind="stable")
        return int(order[0]), int(order[1]), float(self.logits[order[0]] - self.logits[order[1]])


@dataclass(frozen=True)
class Activations:
    """How strongly n images fire 2P prototypes, and where; trivial ones first.

    Attributes
    ----------
    scores : ndarray (n, 2P) float32
    cells : ndarray (n, 2P) int64
        Place of the maximum, row by row in maps of `grid`.
    maps : ndarray (n, 2, D, h, w) float32
        Add-on maps of both branches before their enlargement to `grid`.
    """

    scores: NDArray[np.float32]
    cells: NDArray[np.int64]
    maps: NDArray[np.float32]
    grid: tuple[int, int]


@dataclass
class Model:
    """A trained network with all that is known of its prototypes.

    Attributes
    ----------
    table : tuple of Projected
        Trivial then support prototypes; images number the run's items.
    fingerprints : tuple of str
        Of each prototype's source image, hex.
    evaluation : mapping
        Stage -> name -> value, on validation.
    category_ids : tuple of int
        Category of the project of each class; empty when there is no project.
    training, validation : tuple of int
        Items of the run, by number, that it learned from and was checked with.
    """

    net: StProtoNet
    config: StProtoConfig
    names: tuple[str, ...]
    table: tuple[Projected, ...]
    fingerprints: tuple[str, ...]
    calibration: Calibration
    evaluation: Mapping[str, Mapping[str, float]]
    backbone: Mapping[str, str]
    category_ids: tuple[int, ...] = ()
    training: tuple[int, ...] = ()
    validation: tuple[int, ...] = ()

    def save(self, folder: Path) -> None:
        """Keep the model: weights and, as JSON, everything else.

        Raises
        ------
        UserError
            The disk is full or read-only.
        """
        state = self.net.state_dict()
        if self.config.train == "head":
            state = {k: v for k, v in state.items() if not k.startswith("body.")}
        checkpoints.save_state(folder / MODEL, {"net": state})
        facts = {
            "format": FORMAT,
            "method": "st_protopnet",
            "backbone": dict(self.backbone),
            "config": asdict(self.config),
            "shape": asdict(self.net.shape),
            "names": list(self.names),
            "category_ids": list(self.category_ids),
            "training": list(self.training),
            "validation": list(self.validation),
            "calibration": asdict(self.calibration),
            "evaluation": self.evaluation,
            "prototypes": [
                {**asdict(one), "fingerprint": fingerprint}
                for one, fingerprint in zip(self.table, self.fingerprints, strict=True)
            ],
        }
        checkpoints.write_json(folder / FACTS, facts)

    def off(self) -> dict[str, list[int]]:
        """Branch -> prototypes that are switched off."""
        return {
            name: torch.nonzero(self.net.branch(name).on == 0).flatten().tolist()
            for name in BRANCHES
        }


class Classifier:
    """Predicts and explains.

    Attributes
    ----------
    model : Model
    """

    def __init__(self, split: Split, model: Model, device: torch.device) -> None:
        self.model, self._split, self._device = model, split, device
        model.net.to(device).eval().requires_grad_(False)
        split.frozen.to(device)

    def activations(self, batch: Images) -> Activations:
        """What images (n, 3, H, W) do to every prototype, and where."""
        scores, cells, maps = [], [], []
        with torch.inference_mode():
            body = self.model.net.maps(self._inputs(batch))
            for name in BRANCHES:
                branch = self.model.net.branch(name)
                small = branch.small_features(body)
                shown = branch.similarities(enlarged(small, branch.upsample))
                score, at = shown.flatten(2).max(2)
                scores.append(score.cpu().numpy())
                cells.append(at.cpu().numpy())
                maps.append(small.cpu().numpy())
        grid = int(shown.shape[2]), int(shown.shape[3])
        return Activations(
            np.concatenate(scores, 1), np.concatenate(cells, 1), np.stack(maps, 1), grid
        )

    def predict(self, batch: Images) -> Prediction:
        """Images (n, 3, H, W) float32, as the backbone's transform gives them."""
        return self.judge(self.scores(batch))

    def scores(self, batch: Images) -> dict[str, NDArray[np.float32]]:
        """Images (n, 3, H, W) -> branch -> scores (n, P)."""
        with torch.inference_mode():
            out = self.model.net(self._inputs(batch))
        return {name: out[name].scores.cpu().numpy() for name in BRANCHES}

    def maps(self, batch: Images) -> Tensor:
        """Images (n, 3, H, W) -> the body's maps (n, Cin, h, w)."""
        found: Tensor = self.model.net.maps(self._inputs(batch))
        return found

    def judge(self, scores: Mapping[str, NDArray[np.float32]]) -> Prediction:
        """The prediction from scores, so that switching prototypes needs no images again."""
        logits = self.logits(scores)
        calibration = self.model.calibration
        classes = logits.argmax(1).astype(np.int64)
        best = own_best(scores, classes, self.model.net.shape.per_class)
        unknown = best < np.array(calibration.unknown)[classes]
        return Prediction(logits, probabilities(logits, calibration.temperature), unknown)

    def logits(
        self, scores: Mapping[str, NDArray[np.float32]], only: str | None = None
    ) -> NDArray[np.float32]:
        """Scores -> logits (n, C) of both branches, or of one."""
        total: Any = 0
        with torch.inference_mode():
            for name in BRANCHES if only is None else (only,):
                values = torch.from_numpy(np.asarray(scores[name])).to(self._device)
                total = total + self.model.net.branch(name).logits(values)
        found: NDArray[np.float32] = total.cpu().numpy()
        return found

    def explain(self, image: Images) -> Evidence:
        """The evidence for an image (3, H, W)."""
        net = self.model.net
        contributions, maps, cells, total = {}, {}, {}, 0.0
        with torch.inference_mode():
            body = net.maps(self._inputs(image[None]))
            for name in BRANCHES:
                branch = net.branch(name)
                shown = branch.similarities(branch.features(body))[0]
                flat = shown.flatten(1)
                score, at = flat.max(1)
                contributions[name] = branch.contributions(score[None])[0].cpu().numpy()
                maps[name] = shown.cpu().numpy()
                width = shown.shape[2]
                cells[name] = torch.stack([at // width, at % width], 1).cpu().numpy()
                total = total + branch.logits(score).cpu().numpy()
        return Evidence(np.asarray(total, np.float32), contributions, maps, cells)

    def switch(self, branch: str, prototypes: Iterable[int], *, on: bool) -> None:
        """Switch prototypes off or on again; their weights stay as they are."""
        for prototype in prototypes:
            self.model.net.branch(branch).on[prototype] = float(on)

    def smooth_grad(
        self, image: Images, branch: str, prototype: int, *, seed: int = 0
    ) -> NDArray[np.float32]:
        """Pixels that matter to a prototype's best cell: mean |gradient| of noisy copies, (H, W).

        Parameters
        ----------
        image : ndarray (3, H, W) float32
        """
        net = self.model.net
        part = net.branch(branch)
        clean = torch.from_numpy(image)[None].to(self._device)
        deviation = SIGMA * float(clean.max() - clean.min())
        with torch.no_grad():
            first = part.similarities(part.features(net.maps(self._stored(clean))))
            cell = int(first[0, prototype].argmax())
        noise = torch.Generator().manual_seed(seed)
        total = torch.zeros_like(clean)
        for _ in range(PASSES):
            drawn = torch.randn(clean.shape, generator=noise).to(self._device)
            noisy = (clean + deviation * drawn).requires_grad_(True)
            with torch.enable_grad():
                z = part.features(net.maps(self._stored(noisy)))
                value = part.cosines(z)[0, prototype].flatten()[cell]
                total += torch.autograd.grad(value, noisy)[0].abs()
        return (total[0].sum(0) / PASSES).cpu().numpy()

    def patch_vector(self, image: Images, branch: str, row: int, column: int) -> Tensor:
        """Unit add-on feature (D,) of a cell of an image (3, H, W)."""
        part = self.model.net.branch(branch)
        with torch.inference_mode():
            z = part.features(self.model.net.maps(self._inputs(image[None])))
        return torch.nn.functional.normalize(z[0, :, row, column], dim=0)

    def _inputs(self, batch: Images) -> Tensor:
        images = torch.from_numpy(batch).to(self._device)
        return self._stored(images.contiguous(memory_format=torch.channels_last))

    def _stored(self, images: Tensor) -> Tensor:
        found: Tensor = self._split.frozen(images)
        return found


def load(folder: Path, backbone: Backbone) -> Classifier:
    """The classifier of a finished run.

    Raises
    ------
    UserError
        Missing or damaged files, or a model of another backbone.
    """
    try:
        facts = json.loads((folder / FACTS).read_text("utf-8"))
        if int(facts["format"]) > FORMAT:
            raise UserError(
                f"The model of the run {folder.name} was written by a newer version.",
                "Use that version of FGVC Studio.",
            )
        config = changed(StProtoConfig(), facts["config"])
        shape, names = Shape(**facts["shape"]), tuple(facts["names"])
        kept = facts["calibration"]
        calibration = Calibration(**{**kept, "unknown": tuple(kept["unknown"])})
        table = tuple(_projected(entry) for entry in facts["prototypes"])
        fingerprints = tuple(entry["fingerprint"] for entry in facts["prototypes"])
        rows = {
            name: tuple(map(int, facts.get(name, ())))
            for name in ("category_ids", "training", "validation")
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"The model of the run {folder.name} cannot be read.", "Start a new run."
        ) from error
    split = cut(backbone, config.train)
    net = network(split, shape, config.variant, config.map_upsample)
    state = checkpoints.load_state(folder / MODEL)
    with checkpoints.fitting(folder, backbone):
        if facts["backbone"]["key"] != backbone.key:
            raise KeyError("backbone")
        missing, extra = net.load_state_dict(state["net"], strict=False)
        if extra or any(config.train != "head" or not m.startswith("body.") for m in missing):
            raise KeyError("weights")
    model = Model(
        net, config, names, table, fingerprints, calibration, facts["evaluation"],
        facts["backbone"], **rows,
    )  # fmt: skip
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return Classifier(split, model, device)


def _projected(entry: Mapping[str, Any]) -> Projected:
    known = {f.name for f in dataclasses.fields(Projected)}
    values = {k: v for k, v in entry.items() if k in known}
    values["source"] = Patch(**values["source"])
    values["runners_up"] = tuple(Patch(**patch) for patch in values["runners_up"])
    return Projected(**values)

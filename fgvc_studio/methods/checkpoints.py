"""Checkpoints without pickle: every tensor in one safetensors file, the rest as JSON in its head.

A file is complete or absent: it is written under a temporary name, synced and renamed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from fgvc_studio.domain.errors import UserError
from fgvc_studio.methods.config import changed

if TYPE_CHECKING:
    from fgvc_studio.vision.backbones import Backbone

C = TypeVar("C")
CONFIG = "config.json"
FORMAT = 1
_HEAD = "fgvc_studio"
_TENSOR, _TUPLE = "__tensor__", "__tuple__"


def write_atomic(path: Path, data: bytes) -> None:
    """Replace a file by temporary name, fsync and rename, the folder's entry included."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically."""
    write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False, default=str).encode())


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Keep a nested state of dicts, lists, tuples, numbers, strings, None and tensors.

    Raises
    ------
    UserError
        The disk is full or read-only.
    """
    tensors: dict[str, Tensor] = {}
    plain = _flatten(dict(state), "", tensors)
    # One entry, since safetensors keeps several in no fixed order: equal states, equal files.
    head = {_HEAD: json.dumps({"format": FORMAT, "state": plain})}
    try:
        write_atomic(path, save(tensors, metadata=head))
    except OSError as error:
        raise UserError(
            f"The checkpoint {path.name} cannot be written: {error.strerror}.",
            "Make room on the disk; the last checkpoint is kept.",
        ) from error


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` kept; tensors on the CPU.

    Raises
    ------
    UserError
        Missing, damaged, or of a newer format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            head = json.loads((file.metadata() or {})[_HEAD])
            if head["format"] > FORMAT:
                raise UserError(
                    f"The checkpoint {path.name} was written by a newer version.",
                    "Use that version of FGVC Studio.",
                )
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        state: dict[str, Any] = _restore(head["state"], tensors)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"The checkpoint {path.name} cannot be read ({error}).", "Start a new run."
        ) from error
    return state


def write_config(
    folder: Path, method: str, config: Any, backbone: Backbone, **facts: object
) -> None:
    """Keep the configuration (a dataclass) of a run, and the backbone it was for."""
    about = {"method": method, "backbone": backbone.name, "key": backbone.key, **facts}
    write_json(folder / CONFIG, {**about, "config": asdict(config)})


def read_config(folder: Path, kind: type[C]) -> C:
    """The configuration of a run.

    Raises
    ------
    UserError
        Missing or damaged.
    """
    try:
        kept = json.loads((folder / CONFIG).read_text("utf-8"))["config"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"The settings of the run {folder.name} cannot be read.", "Start a new run."
        ) from error
    return changed(kind(), kept)


@contextmanager
def fitting(folder: Path, backbone: Backbone) -> Iterator[None]:
    """Say in words that a run's model is not one of this backbone.

    Raises
    ------
    UserError
        Instead of a missing entry or tensors of other shapes.
    """
    try:
        yield
    except (KeyError, TypeError, RuntimeError) as error:
        raise UserError(
            f"The model of the run {folder.name} does not fit {backbone.name}.",
            "Use the backbone of that run.",
        ) from error


def _flatten(value: Any, place: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors[place] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {_TENSOR: place}
    if isinstance(value, Mapping):
        # Pairs, since the keys of an optimiser's state are numbers.
        return {"dict": [[k, _flatten(v, f"{place}/{k}", tensors)] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        made = [_flatten(v, f"{place}/{i}", tensors) for i, v in enumerate(value)]
        return {_TUPLE: made} if isinstance(value, tuple) else made
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{place}: {type(value).__name__} cannot be kept in a checkpoint")


def _restore(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_restore(v, tensors) for v in value]
    if isinstance(value, dict):
        if _TENSOR in value:
            return tensors[value[_TENSOR]]
        if _TUPLE in value:
            return tuple(_restore(v, tensors) for v in value[_TUPLE])
        return {k: _restore(v, tensors) for k, v in value["dict"]}
    return value

"""The methods by name. No torch here: a method's network is imported when it is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress, Skipped
from fgvc_studio.domain.runs import StepReport
from fgvc_studio.methods.cmd import config as cmd

if TYPE_CHECKING:
    from fgvc_studio.vision.backbones import Backbone
    from fgvc_studio.vision.runtimes import Runtime as Embedder


class Trainer(Protocol):
    """What a run needs of a method; made by `Method.trainer`."""

    skipped: list[Skipped]

    @property
    def dim(self) -> int:
        """Length of the embeddings it makes."""
        ...

    @property
    def estimate(self) -> dict[str, int]:
        """``items``, ``views_per_item``, ``cache_bytes``, ``cache_bytes_to_write``."""
        ...

    def prepare(self) -> Iterator[Progress]:
        """Fill caches; may be left after any report."""
        ...

    def steps(self) -> Iterator[StepReport]:
        """Train, from the run's checkpoint when there is one."""
        ...

    def save(self) -> None:
        """Keep a checkpoint now."""
        ...

    def finish(self) -> Any:
        """Keep the model."""
        ...

    def drop_cache(self) -> None:
        """Delete what `prepare` made."""
        ...


@dataclass(frozen=True, slots=True)
class Method:
    """A method that can be chosen.

    Attributes
    ----------
    config : type
        Its hyper-parameters, a dataclass of `config.param` fields.
    preset : callable
        (preset, items, train or None) -> configuration.
    embedder : callable, optional
        (folder of a finished run, backbone) -> runtime over its model; None when a run makes no
        space.
    """

    name: str
    title: str
    config: type
    presets: tuple[str, ...]
    preset: Callable[[str, int, str | None], Any]
    trainer: Callable[..., Trainer]
    embedder: Callable[[Path, Backbone], Embedder] | None = None

    @property
    def makes_space(self) -> bool:
        """Whether a run ends in a new embedding space."""
        return self.embedder is not None


def _cmd_trainer(*args: Any, **kwargs: Any) -> Trainer:
    from fgvc_studio.methods.cmd.trainer import CmdTrainer

    return CmdTrainer(*args, **kwargs)


def _cmd_embedder(folder: Path, backbone: Backbone) -> Embedder:
    from fgvc_studio.methods.cmd import embedder

    return embedder.load(folder, backbone)


_METHODS = (
    Method(
        "cmd",
        "CMD: embeddings without labels",
        cmd.CmdConfig,
        cmd.PRESETS,
        cmd.preset,
        _cmd_trainer,
        _cmd_embedder,
    ),
)


def methods() -> list[Method]:
    """All methods in the order to offer them."""
    return list(_METHODS)


def get(name: str) -> Method:
    """A method by its name.

    Raises
    ------
    UserError
        There is none of that name.
    """
    for method in _METHODS:
        if method.name == name:
            return method
    known = ", ".join(m.name for m in _METHODS)
    raise UserError(f"There is no method {name!r}.", f"Choose {known}.")

"""The methods by name. No torch here: a method's network is imported when it is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress, Skipped
from fgvc_studio.domain.runs import StepReport
from fgvc_studio.methods.cmd import config as cmd
from fgvc_studio.methods.crkd import config as crkd
from fgvc_studio.methods.ecaml import config as ecaml
from fgvc_studio.methods.st_protopnet import config as st_protopnet

if TYPE_CHECKING:
    from fgvc_studio.vision.backbones import Backbone
    from fgvc_studio.vision.runtimes import Runtime as Embedder

ALL, LABELLED = "all", "labelled"
SPACE, CLASSIFIER, CLUSTERS = "space", "classifier", "clusters"


class Trainer(Protocol):
    """What a run needs of a method; made by `Method.trainer`.

    It may also have ``notes``, a tuple of sentences for the card, and ``findings()``, which gives
    after `finish` what has the fields of a `domain.runs.Comparison`, or None.
    """

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

    def enough(self) -> None:
        """End `steps` as soon as what was learned can be used."""
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
    about : str
        One sentence for whoever chooses.
    config : type
        Its hyper-parameters, a dataclass of `config.param` fields.
    preset : callable
        (preset, items, train or None) -> configuration.
    trainer : callable
        (config, backbone, pictures, folder, cache, material, seed=, threads=, runtime=).
    items : str
        ``all`` or ``labelled``: which items of the chosen splits take part.
    makes : str
        ``space``, ``classifier`` or ``clusters``.
    uses_labels : bool
        Whether labels teach it.
    least : int
        Labelled items that a category needs to take part.
    ends_early : bool
        Whether what it learned can be used before its end (the trainer has `enough`).
    embedder : callable, optional
        (folder of a finished run, backbone) -> runtime over its model, where it makes a space.
    """

    name: str
    title: str
    about: str
    config: type
    presets: tuple[str, ...]
    preset: Callable[[str, int, str | None], Any]
    trainer: Callable[..., Trainer]
    items: str
    makes: str
    uses_labels: bool = True
    least: int = 1
    ends_early: bool = False
    embedder: Callable[[Path, Backbone], Embedder] | None = None

    @property
    def makes_space(self) -> bool:
        """Whether a run ends in a new embedding space."""
        return self.makes == SPACE


def _cmd_trainer(*parts: Any, **options: Any) -> Trainer:
    from fgvc_studio.methods.cmd.trainer import CmdTrainer

    return CmdTrainer(*parts[:-1], **options)


def _ecaml_trainer(*parts: Any, **options: Any) -> Trainer:
    from fgvc_studio.methods.ecaml.trainer import EcamlTrainer

    *common, material = parts
    return EcamlTrainer(
        *common,
        labels=material.categories,
        everything=material.everything,
        places=material.places,
        **options,
    )


def _st_protopnet_trainer(*parts: Any, **options: Any) -> Trainer:
    from fgvc_studio.methods.st_protopnet.data import divide, labels_of
    from fgvc_studio.methods.st_protopnet.trainer import StProtoTrainer
    from fgvc_studio.methods.st_protopnet.two_fits import TwoFits

    *common, material = parts
    config, labels = common[0], labels_of(material)
    again = {"yes": True, "no": False}.get(config.final_fit, bool(labels.validation.any()))
    if again:  # is there anything more to learn from?
        every, seed = np.arange(len(labels.classes)), int(options.get("seed", 0))
        last = divide(labels, every, seed, True, config.audit_share)
        again = len(last.train) > len(divide(labels, every, seed).train)
    made = TwoFits if again and not config.refit else StProtoTrainer
    return made(*common, labels=labels, **options)


def _crkd_trainer(*parts: Any, **options: Any) -> Trainer:
    from fgvc_studio.methods.crkd.helpers import counted
    from fgvc_studio.methods.crkd.trainer import CrkdTrainer

    *common, material = parts
    labels = np.where(material.categories > 0, material.categories, -1).astype(np.int64)
    count, group = material.estimator or counted, material.grouper
    return CrkdTrainer(*common, labels=labels, count=count, group=group, **options)


def _cmd_embedder(folder: Path, backbone: Backbone) -> Embedder:
    from fgvc_studio.methods.cmd import embedder

    return embedder.load(folder, backbone)


def _ecaml_embedder(folder: Path, backbone: Backbone) -> Embedder:
    from fgvc_studio.methods.ecaml import embedder

    return embedder.load(folder, backbone)


_METHODS = (
    Method(
        "cmd",
        "CMD: embeddings without labels",
        "Makes look-alikes in the pile lie closer together; no labels are needed.",
        cmd.CmdConfig,
        cmd.PRESETS,
        cmd.preset,
        _cmd_trainer,
        items=ALL,
        makes=SPACE,
        uses_labels=False,
        ends_early=True,
        embedder=_cmd_embedder,
    ),
    Method(
        "ecaml",
        "ECAML: a space tuned to your categories",
        "Learns from the named categories what matters, for those not named yet too.",
        ecaml.EcamlConfig,
        ecaml.PRESETS,
        ecaml.preset,
        _ecaml_trainer,
        items=LABELLED,
        makes=SPACE,
        least=2,
        ends_early=True,
        embedder=_ecaml_embedder,
    ),
    Method(
        "st-protopnet",
        "ST-ProtoPNet: a classifier that shows its evidence",
        "Names items by patches that look like patches of labelled images; each can be audited.",
        st_protopnet.StProtoConfig,
        st_protopnet.PRESETS,
        st_protopnet.preset,
        _st_protopnet_trainer,
        items=LABELLED,
        makes=CLASSIFIER,
        least=st_protopnet.LEAST_IMAGES,
        ends_early=True,
    ),
    Method(
        "crkd",
        "Cr-KD: new categories with the help of the known ones",
        "Groups the unlabelled items into proposed categories and says which known ones they "
        "resemble.",
        crkd.CrkdConfig,
        crkd.PRESETS,
        crkd.preset,
        _crkd_trainer,
        items=ALL,
        makes=CLUSTERS,
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

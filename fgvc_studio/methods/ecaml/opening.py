"""What a training begins with: the network at step 0 and the items without a name."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fgvc_studio.methods.ecaml.alike import Alike, unnamed
from fgvc_studio.methods.ecaml.config import EcamlConfig
from fgvc_studio.methods.ecaml.learner import embedded
from fgvc_studio.methods.ecaml.model import EcamlNetwork
from fgvc_studio.methods.ecaml.start import start
from fgvc_studio.methods.loop import Rows
from fgvc_studio.methods.runtime import Runtime
from fgvc_studio.vision.own_draws import OwnDraws
from fgvc_studio.vision.split import Split

_LIVE_NORMS_FROM = 32


def opened(
    config: EcamlConfig,
    split: Split,
    runtime: Runtime,
    named: tuple[NDArray[np.float32], NDArray[np.int64]],
    everything: NDArray[np.float32],
    learned: Rows | None,
    *,
    seed: int,
    batch: int,
    dims: int,
) -> tuple[EcamlNetwork, Alike | None]:
    """A network at step 0, and groups of items without a name where these take part.

    Parameters
    ----------
    split : Split
        With a tail of its own.
    named : (ndarray (n, d0) float32, ndarray (n,) int64)
        Pooled features of the items to learn from, and their categories.
    everything : ndarray (N, d0) float32
        Of all items.
    learned : ndarray (n,) int64, optional
        Rows of the items to learn from in `everything`; without it only names teach.
    batch : int
        Items of a step over all processes.
    dims : int
        Length of the metric's output that the expert has set; 0: none.
    """
    head = config.train == "head"
    if split.train == "all" and batch // runtime.world >= _LIVE_NORMS_FROM:
        split.rest.live_norms = True
    others = None
    if head and config.neighbours and learned is not None:
        others = unnamed(everything, learned, seed)
    pooled, labels = named
    made = start(config, pooled, labels, everything, seed, others, dims)
    with OwnDraws(seed):
        network = EcamlNetwork(
            split, made, confuse_trunk=config.confuse_trunk, keep=config.keep if head else 0.0
        )
    if split.rest.live_norms and runtime.world > 1:
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    if made.pairs is None or others is None:
        return network, None
    both = torch.from_numpy(np.concatenate([pooled, others]))
    space = embedded(network.to(runtime.device), both, runtime.device)
    return network, Alike(both[len(pooled) :], made.pairs, space)

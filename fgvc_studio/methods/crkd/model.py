"""Network of Cr-KD: a shared trainable part, the known head, several novel heads."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fgvc_studio.methods.adapter import Adapter
from fgvc_studio.methods.whitening import Whitening


class Seen(NamedTuple):
    """What the network makes of one view.

    Attributes
    ----------
    known : Tensor (B, C)
        Cosines with the known prototypes.
    novel : list of Tensor (B, K)
        Cosines with the novel prototypes of each head.
    units : list of Tensor (B, p)
        The unit embedding of each head.
    """

    known: Tensor
    novel: list[Tensor]
    units: list[Tensor]


class Prototypes(nn.Module):
    """Unit vectors that unit inputs are compared with; `normalise` keeps them so."""

    def __init__(self, dim: int, count: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(count, dim))
        nn.init.normal_(self.weight)  # uniform on the sphere once normalised
        self.normalise()

    def forward(self, units: Tensor) -> Tensor:
        """(B, dim) -> cosines (B, count)."""
        return F.linear(units, self.weight)

    @torch.no_grad()
    def normalise(self) -> None:
        """Scale every prototype to length 1, in place."""
        self.weight.div_(self.weight.norm(dim=1, keepdim=True).clamp(min=1e-12))


class Reduced(nn.Module):
    """A body, l2-normalised, then projected: inputs -> (B, k) of length sqrt(k).

    Parameters
    ----------
    body : nn.Module
        Inputs -> (B, dim).
    """

    def __init__(self, body: nn.Module, dim: int, out: int) -> None:
        super().__init__()
        self.body, self.whitening = body, Whitening(dim, out)

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs -> (B, k)."""
        made: Tensor = self.whitening(_unit(self.body(inputs)))
        return _unit(made) * made.shape[1] ** 0.5


class KnownNetwork(nn.Module):
    """The shared part and the known head: what stage 1 trains and the teacher is.

    Parameters
    ----------
    body : nn.Module
        Inputs -> (B, d): the trained tail with its pooling, or the identity.
    reduce : int
        With more than 0, the body is `Reduced` to so many directions.
    """

    def __init__(
        self,
        body: nn.Module,
        dim: int,
        known: int,
        *,
        adapt: bool,
        dropout: float = 0.0,
        reduce: int = 0,
    ) -> None:
        super().__init__()
        if reduce:
            body, dim = Reduced(body, dim, min(reduce, dim)), min(reduce, dim)
        self.body, self.dropout = body, nn.Dropout(dropout)
        self.adapter: nn.Module = Adapter(dim) if adapt else nn.Identity()
        self.head = Prototypes(dim, known)

    def features(self, inputs: Tensor) -> Tensor:
        """What both kinds of heads look at, (B, d)."""
        pooled = self.dropout(self.body(inputs))
        return self.adapter(pooled)

    def cosines(self, features: Tensor) -> Tensor:
        """(B, d) -> (B, C)."""
        return self.head(_unit(features))

    def forward(self, views: list[Tensor]) -> Tensor:
        """V views (B, ...) -> (V, B, C)."""
        return torch.stack([self.cosines(self.features(view)) for view in views])


class NovelHead(nn.Module):
    """Projection to a unit vector, then prototypes of the novel classes."""

    def __init__(self, dim: int, hidden: int, projection: int, count: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(dim, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, projection),
        )
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        self.prototypes = Prototypes(projection, count)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(B, d), not normalised -> unit embeddings (B, p) and cosines (B, K)."""
        units = _unit(self.mlp(features))
        return units, self.prototypes(units)


class CrkdNetwork(nn.Module):
    """The student of stage 2.

    Parameters
    ----------
    base : KnownNetwork
        As stage 1 left it; trained on.
    heads : int
        Novel heads with K prototypes each.
    overcluster : int
        With more than 0, as many further heads with `overcluster` * K prototypes.
    """

    def __init__(
        self,
        base: KnownNetwork,
        novel: int,
        *,
        heads: int = 2,
        hidden: int = 512,
        projection: int = 256,
        overcluster: int = 0,
    ) -> None:
        super().__init__()
        dim = base.head.weight.shape[1]
        self.base, self.novel_classes = base, novel
        sizes = [novel] * heads + [novel * overcluster] * (heads if overcluster else 0)
        self.heads = nn.ModuleList(NovelHead(dim, hidden, projection, k) for k in sizes)
        self.main_heads = heads

    @property
    def novel_heads(self) -> list[NovelHead]:
        """The heads, those with more prototypes last."""
        return [head for head in self.heads if isinstance(head, NovelHead)]

    def see(self, view: Tensor) -> Seen:
        """One view (B, ...); in train mode it is a batch of its own to the batch norm."""
        features = self.base.features(view)
        made = [head(features) for head in self.novel_heads]
        return Seen(self.base.cosines(features), [z for _, z in made], [y for y, _ in made])

    def forward(self, views: list[Tensor]) -> list[Seen]:
        """Look at several views."""
        return [self.see(view) for view in views]

    def normalise(self) -> None:
        """Scale all prototypes, known and novel, to length 1."""
        self.base.head.normalise()
        for head in self.novel_heads:
            head.prototypes.normalise()


def joint(seen: list[Seen], heads: list[int]) -> Tensor:
    """Joint cosines of some heads of equal size, (V, H, B, C + K)."""
    return torch.stack(
        [torch.stack([torch.cat([s.known, s.novel[h]], 1) for h in heads]) for s in seen]
    )


def _unit(values: Tensor) -> Tensor:
    eps = 1e-6 if values.dtype == torch.float16 else 1e-12
    return F.normalize(values, dim=-1, eps=eps)

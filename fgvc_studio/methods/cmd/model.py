"""The network of CMD: tail or adapter, attention pooling over cells, two DINO heads, a teacher.

Equations: arXiv 2401.08860 with the attention reading of its bag (Ilse et al. 2018). At step 0 the
pooling is the mean (w = 0) and the adapter the identity.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fgvc_studio.domain.errors import UserError
from fgvc_studio.methods.adapter import Adapter
from fgvc_studio.methods.cmd.config import CmdConfig
from fgvc_studio.methods.whitening import Whitening
from fgvc_studio.vision.split import Split, with_drop_path


class View(NamedTuple):
    """What the network says of one view of B images.

    Attributes
    ----------
    image : Tensor (B, K)
        Image logits.
    region : Tensor (B, T, K)
        Logits of the cells.
    scores : Tensor (B, T)
        Attention before softmax.
    tokens : Tensor (B, T, d)
        Cells, used for matching only.
    """

    image: Tensor
    region: Tensor
    scores: Tensor
    tokens: Tensor


class Seen(NamedTuple):
    """What the network takes of some views after all that is frozen in it.

    Attributes
    ----------
    tokens : Tensor (B, T, d)
    first : Tensor (B, d) or None
        The class token, where it is the embedding.
    """

    tokens: Tensor
    first: Tensor | None


class Attention(nn.Module):
    """Score of each cell: e_i = w . tanh(V z_i + c_V), times sigmoid(U z_i + c_U) when gated."""

    def __init__(self, dim: int, hidden: int, *, gated: bool = False) -> None:
        super().__init__()
        self.value = nn.Linear(dim, hidden)
        self.gate = nn.Linear(dim, hidden) if gated else None
        self.weight = nn.Linear(hidden, 1, bias=False)
        nn.init.zeros_(self.weight.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, d) -> (B, T)."""
        hidden = torch.tanh(self.value(tokens))
        if self.gate is not None:
            hidden = hidden * torch.sigmoid(self.gate(tokens))
        return self.weight(hidden).squeeze(-1)


def pooled(tokens: Tensor, scores: Tensor) -> Tensor:
    """Sum of cells (B, T, d) weighted by the softmax of their scores (B, T): (B, d)."""
    weights = scores.softmax(-1).to(tokens.dtype)
    return torch.einsum("bt,btd->bd", weights, tokens)


class UnitLinear(nn.Module):
    """Linear without bias whose rows have length `weight_g`, 1 and frozen unless `free_gain`."""

    def __init__(self, dim: int, out: int, *, free_gain: bool = False) -> None:
        super().__init__()
        self.weight_g = nn.Parameter(torch.ones(out, 1), requires_grad=free_gain)
        self.weight_v = nn.Parameter(torch.empty(out, dim))
        nn.init.trunc_normal_(self.weight_v, std=0.02)

    def forward(self, features: Tensor) -> Tensor:
        """(..., dim) -> (..., out)."""
        length = self.weight_v.norm(dim=1, keepdim=True)
        return F.linear(features, self.weight_g * (self.weight_v / length))


class DinoHead(nn.Module):
    """Three-layer perceptron, l2-normalised, then unit prototypes (arXiv 2104.14294)."""

    def __init__(
        self, dim: int, hidden: int, bottleneck: int, out: int, *, free_gain: bool = False
    ) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(dim, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, bottleneck),
        )
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        self.last_layer = UnitLinear(bottleneck, out, free_gain=free_gain)

    def forward(self, features: Tensor) -> Tensor:
        """(..., dim) -> (..., out)."""
        made = self.mlp(features)
        eps = 1e-6 if made.dtype == torch.float16 else 1e-12
        return self.last_layer(F.normalize(made, dim=-1, eps=eps))


class CmdNetwork(nn.Module):
    """Student or teacher.

    Parameters
    ----------
    split : Split
        With `trained`, its rest is trained here; else the input is what that rest gave.

    Attributes
    ----------
    dim : int
        Length of an embedding.
    whitening : Whitening or None
        To be set before the first use.

    Raises
    ------
    UserError
        ``pool=cls`` on a backbone without class token.
    """

    def __init__(self, split: Split, config: CmdConfig) -> None:
        super().__init__()
        self._split = [split]  # in a list: its frozen part is no part of this module
        self.kind = config.pool
        if config.pool == "cls" and not split.prefix:
            raise UserError(
                f"{split.backbone.name} has no class token.", "Choose the pool attention or mean."
            )
        self.body: nn.Module = split.rest if split.trained else nn.Identity()
        self.dim = min(config.whiten, split.dim) or split.dim
        self.whitening = Whitening(split.dim, self.dim) if config.whiten else None
        self.adapter: nn.Module = nn.Identity() if split.trained else Adapter(self.dim)
        learned = config.pool in ("attention", "gated")
        self.attention = (
            Attention(self.dim, config.attention_dim, gated=config.pool == "gated")
            if learned
            else None
        )
        shape = self.dim, config.hidden, config.bottleneck, config.outputs
        self.head, self.region_head = DinoHead(*shape), DinoHead(*shape)

    @property
    def split(self) -> Split:
        """The backbone's cut."""
        return self._split[0]

    def look(self, inputs: Tensor) -> Seen:
        """What the cut gave, through the body and the fixed projection.

        With a frozen rest nothing here learns, so that student and teacher can share it.
        """
        features = self.body(inputs)
        first = self._projected(self.split.class_token(features)) if self.kind == "cls" else None
        return Seen(self._projected(self.split.tokens(features)), first)

    def _projected(self, tokens: Tensor) -> Tensor:
        if self.whitening is None:
            return tokens
        # Fitted on pooled features of length 1.
        whole = tokens.mean(1, keepdim=True) if tokens.ndim == 3 else tokens
        length = whole.norm(dim=-1, keepdim=True).clamp(min=1e-6)
        return self.whitening(tokens, length)

    def cells(self, seen: Seen) -> tuple[Tensor, Tensor, Tensor | None]:
        """Cells (B, T, d), their scores (B, T), and the class token where it is the embedding."""
        tokens = self.adapter(seen.tokens)
        scores = self.attention(tokens) if self.attention else tokens.new_zeros(tokens.shape[:2])
        return tokens, scores, None if seen.first is None else self.adapter(seen.first)

    def embed(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings (B, d), l2-normalised, and attention (B, T) that sums to 1."""
        tokens, scores, first = self.cells(self.look(inputs))
        vector = pooled(tokens, scores) if first is None else first
        return F.normalize(vector.float(), dim=-1), scores.float().softmax(-1)

    def forward(
        self, inputs: Sequence[Tensor | Seen], keep: list[Tensor] | None = None
    ) -> list[View]:
        """Look at several sizes of views.

        Parameters
        ----------
        inputs : list of Tensor (n * B, ...) or Seen
            What the cut gave (or, with a frozen rest, what that rest gave), or what `look` made
            of it.
        keep : list of Tensor (n * B, k) int64, optional
            Cells of each view that are looked at.
        """
        views = []
        for i, part in enumerate(inputs):
            seen = part if isinstance(part, Seen) else self.look(part)
            if keep is not None:
                seen = seen._replace(tokens=taken(seen.tokens, keep[i]))
            tokens, scores, first = self.cells(seen)
            vector = pooled(tokens, scores) if first is None else first
            views.append(View(self.head(vector), self.region_head(tokens), scores, tokens))
        return views


def taken(cells: Tensor, index: Tensor) -> Tensor:
    """Cells (B, T, d) at `index` (B, k): (B, k, d). Whole rows are copied, unlike by gather."""
    start = torch.arange(len(cells), device=cells.device)[:, None] * cells.shape[1]
    rows = cells.flatten(0, 1).index_select(0, (index + start).flatten())
    return rows.unflatten(0, tuple(index.shape))


def student_and_teacher(split: Split, config: CmdConfig) -> tuple[CmdNetwork, CmdNetwork]:
    """Two equal networks; the teacher has no gradients and no stochastic depth."""
    student = CmdNetwork(split, config)
    teacher = copy.deepcopy(student).requires_grad_(False).eval()
    if split.trained:
        with_drop_path(student.body, config.drop_path)
    return student, teacher

"""Losses of CMD (arXiv 2401.08860), pure functions of logits, scores and cells.

The inter-level terms are the repaired form: a KL divergence between distributions, the bag being
the attention-weighted mean of the cells' distributions. ``release`` computes what the published
code computes under torch 1.12, for tests of fidelity only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fgvc_studio.methods.cmd.model import View, taken

GLOBAL = 2
_SMALLEST = 1e-12


@dataclass(frozen=True, slots=True)
class Terms:
    """Losses of one step; the first four are means over the pairs (q, v).

    Attributes
    ----------
    image, region : Tensor
        L_I and L_R, intra-level.
    student, teacher : Tensor
        L_S and L_T, inter-level; L_T carries no gradient.
    entropy : Tensor
        Mean entropy of the image targets / log K, 0..1.
    pairs : list of (int, int)
    per_pair : dict
        ``image`` and ``region`` -> one value per pair; ``student`` and ``teacher`` likewise.
    """

    image: Tensor
    region: Tensor
    student: Tensor
    teacher: Tensor
    total: Tensor
    entropy: Tensor
    pairs: list[tuple[int, int]]
    per_pair: dict[str, list[Tensor]]


def pairs_of(views: int) -> list[tuple[int, int]]:
    """Ordered pairs (teacher view, student view), the same view left out."""
    return [(q, v) for q in range(GLOBAL) for v in range(views) if v != q]


def cmd_loss(
    student: Sequence[View],
    teacher: Sequence[View],
    centres: tuple[Tensor, Tensor],
    *,
    tau_student: float,
    tau_teacher: float,
    inter: float,
    inter_grad: str = "image",
    release: bool = False,
) -> Terms:
    """All terms of one batch.

    Parameters
    ----------
    student : sequence of View
        V views, the first two global.
    teacher : sequence of View
        The two global views.
    centres : (Tensor, Tensor)
        (1, K) each: centres of image and region logits.
    inter : float
        lambda.
    inter_grad : str
        ``image``, ``both``, ``bag`` or ``teacher``.
    """
    with torch.no_grad():
        log_q = [((t.image - centres[0]) / tau_teacher).log_softmax(-1) for t in teacher]
        q_image = [q.exp() for q in log_q]
        middle = centres[1] / -tau_teacher
        q_region = [torch.add(middle, t.region, alpha=1 / tau_teacher).softmax(-1) for t in teacher]
        t_units = [F.normalize(t.tokens, dim=-1) for t in teacher]
    p_image = [(s.image / tau_student).log_softmax(-1) for s in student]

    pairs = pairs_of(len(student))
    image = [cross_entropy(q_image[q], p_image[v]) for q, v in pairs]
    p_region, found_region = [], {}
    for v, s in enumerate(student):
        asked = [q for q, other in pairs if other == v]
        targets = [taken(q_region[q], match(s.tokens, t_units[q])) for q in asked]
        p, *values = _SoftTargets.apply(s.region, tau_student, *targets)
        p_region.append(p)
        found_region.update(zip(((q, v) for q in asked), values, strict=True))
    region = [found_region[pair] for pair in pairs]
    if release:
        inter_student, inter_teacher = _release(student, q_image, q_region, pairs, tau_student)
    else:
        with torch.set_grad_enabled(inter > 0 and torch.is_grad_enabled()):
            b_teacher = [bag(t.scores, q) for t, q in zip(teacher, q_region, strict=True)]
            of_view = _student_terms(student, p_image, p_region, b_teacher, pairs, inter_grad)
            of_teacher = [_kl(b, q) for b, q in zip(b_teacher, log_q, strict=True)]
        inter_student = of_view
        inter_teacher = [of_teacher[q] for q, _ in pairs]
    found = {
        "image": image,
        "region": region,
        "student": inter_student,
        "teacher": inter_teacher,
    }
    means = {name: torch.stack(values).mean() for name, values in found.items()}
    total = 0.5 * means["image"] + 0.5 * means["region"]
    if inter:
        total = total + inter * (means["student"] + means["teacher"].detach())
    entropy = torch.stack([-torch.special.xlogy(q, q).sum(-1).mean() for q in q_image]).mean()
    return Terms(
        **means,
        total=total,
        entropy=entropy / math.log(q_image[0].shape[-1]),
        pairs=pairs,
        per_pair=found,
    )


def cross_entropy(target: Tensor, log_p: Tensor) -> Tensor:
    """Mean over all leading axes of -sum_k target_k log p_k."""
    return -(target * log_p).sum(-1).mean()


def match(student: Tensor, teacher: Tensor) -> Tensor:
    """Teacher cell of the largest cosine to each student cell.

    Parameters
    ----------
    student : Tensor (B, T_s, d)
        Of any length, which does not change the order.
    teacher : Tensor (B, T_t, d)
        l2-normalised.

    Returns
    -------
    Tensor (B, T_s) int64
    """
    with torch.no_grad():
        return (student @ teacher.mT).argmax(-1)


def bag(scores: Tensor, region: Tensor) -> Tensor:
    """Attention-weighted mean (B, K) of the cells' distributions (B, T, K)."""
    return torch.einsum("bt,btk->bk", scores.softmax(-1), region)


def _student_terms(
    student: Sequence[View],
    p_image: list[Tensor],
    p_region: list[Tensor],
    b_teacher: list[Tensor],
    pairs: list[tuple[int, int]],
    inter_grad: str,
) -> list[Tensor]:
    if inter_grad == "teacher":
        return [_kl(b_teacher[q], p_image[v]) for q, v in pairs]
    of_view = []
    for s, image, region in zip(student, p_image, p_region, strict=True):
        with torch.set_grad_enabled(inter_grad != "image" and torch.is_grad_enabled()):
            b = bag(s.scores, region)
        of_view.append(_kl(b, image.detach() if inter_grad == "bag" else image))
    return [of_view[v] for _, v in pairs]


def _kl(b: Tensor, log_p: Tensor) -> Tensor:
    """KL(b || p), summed over K, mean over the batch."""
    b = b.clamp(min=_SMALLEST)
    return (b * (b.log() - log_p)).sum(-1).mean()


class _SoftTargets(torch.autograd.Function):
    """Cross entropy of logits with several soft targets: the mean `cross_entropy` of each.

    (logits (B, T, K), temperature, targets (B, T, K)...) -> softmax of the logits, and one mean
    per target. What autograd would do in a dozen passes over memory takes three here.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, tau: float, *targets: Tensor) -> tuple[Tensor, ...]:
        log_p = (logits / tau).log_softmax(-1)
        rows = logits[..., 0].numel()
        values = [
            torch.dot(q.reshape(-1), log_p.reshape(-1)).neg_().div_(rows).to(logits.dtype)
            for q in targets
        ]
        p = log_p.exp_()
        ctx.save_for_backward(p, *targets)
        ctx.set_materialize_grads(False)
        ctx.scale = 1.0 / (tau * rows), 1.0 / tau
        return p, *values

    @staticmethod
    def backward(ctx: Any, of_p: Tensor | None, *of_values: Tensor | None) -> Any:
        p, *targets = ctx.saved_tensors
        mean, plain = ctx.scale
        asked = [(q, float(g) * mean) for q, g in zip(targets, of_values, strict=True)
                 if g is not None]  # fmt: skip
        found = p * sum(g for _, g in asked)
        for q, g in asked:
            found.add_(q, alpha=-g)
        if of_p is not None:
            found += p * (of_p - (of_p * p).sum(-1, keepdim=True)) * plain
        return found, None, *(None for _ in targets)


def _release(
    student: Sequence[View],
    q_image: list[Tensor],
    q_region: list[Tensor],
    pairs: list[tuple[int, int]],
    tau_student: float,
) -> tuple[list[Tensor], list[Tensor]]:
    of_view = [_legacy_kl(s.image / tau_student, (s.region / tau_student).sum(1)) for s in student]
    of_teacher = [_legacy_kl(q, r.sum(1)) for q, r in zip(q_image, q_region, strict=True)]
    return [of_view[v] for _, v in pairs], [of_teacher[q] for q, _ in pairs]


def _legacy_kl(given: Tensor, target: Tensor) -> Tensor:
    """Target * (log target - given), 0 where the target is not positive; mean over all."""
    positive = target > 0
    safe = torch.where(positive, target, torch.ones_like(target))
    return torch.where(positive, safe * (safe.log() - given), torch.zeros_like(given)).mean()


class Centres(nn.Module):
    """Moving means of the teacher's raw logits, updated after the loss.

    Attributes
    ----------
    image, region : Tensor (1, K)
    """

    image: Tensor
    region: Tensor

    def __init__(self, outputs: int, momentum: float = 0.9) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("image", torch.zeros(1, outputs))
        self.register_buffer("region", torch.zeros(1, outputs))

    @staticmethod
    def means(teacher: Sequence[View]) -> Tensor:
        """Means over batch, global views and cells: (2, K), to be averaged over processes."""
        k = teacher[0].image.shape[-1]
        image = torch.cat([t.image for t in teacher]).mean(0)
        region = torch.stack([t.region.reshape(-1, k).mean(0) for t in teacher]).mean(0)
        return torch.stack([image, region])

    @torch.no_grad()
    def update(self, means: Tensor) -> None:
        """Take in the means of one step."""
        self.image.lerp_(means[:1], 1 - self.momentum)
        self.region.lerp_(means[1:], 1 - self.momentum)

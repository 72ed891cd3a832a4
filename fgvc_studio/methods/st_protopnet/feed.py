"""What the network takes: stored views of pictures, or views made for a step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fgvc_studio.methods.loop import Rows
from fgvc_studio.methods.st_protopnet.audit import Cover
from fgvc_studio.methods.st_protopnet.views import FLIPPED, TURNED
from fgvc_studio.vision.split import laid_out
from fgvc_studio.vision.view_cache import ViewCache
from fgvc_studio.vision.views import CLEAN, ViewMaker


class Views(NamedTuple):
    """What the cut gives of some views, and cells of them that do not count (n, H, W) bool."""

    stored: Tensor
    hidden: Tensor | None


class Feed:
    """Views of the pictures of a run.

    Parameters
    ----------
    cache : ViewCache
        Open when a view is asked for.
    maker : ViewMaker, optional
        Makes new `TURNED` views at each step; without one the stored views are drawn from.
    """

    cover: Cover | None = None
    """What is hidden from a network that learns."""

    def __init__(self, cache: ViewCache, maker: ViewMaker | None, device: torch.device) -> None:
        self._cache, self._maker, self._device = cache, maker, device

    def clean(self, rows: Rows) -> Tensor:
        """The clean views at the cut, (n, ...) float32."""
        return self.view(rows, CLEAN)

    def view(self, rows: Rows, kind: str) -> Tensor:
        """The first stored view of a kind, (n, ...) float32."""
        first = np.zeros((len(rows), 1), np.int64)
        found = torch.from_numpy(self._cache.read(kind, rows, first)[0])
        return laid_out(found.to(self._device))

    def hidden(self, rows: Rows, kind: str) -> Tensor | None:
        """What does not count of the views of a kind while a network learns, (n, H, W) bool."""
        return self._hidden(rows, np.full(len(rows), kind))

    def drawn(self, rows: Rows, chosen: Tensor, step: int) -> Views:
        """A random view of each picture.

        Parameters
        ----------
        chosen : Tensor (n,)
            Random numbers, 0 .. 1.
        """
        if self._maker is not None:
            return Views(self._made(self._maker, rows, step), None)
        offers = [(k.name, v) for k in self._cache.kinds.values() for v in range(k.views)]
        drawn = (chosen.numpy() * len(offers)).astype(np.int64).clip(max=len(offers) - 1)
        parts: list[tuple[NDArray[np.int64], NDArray[np.float16]]] = []
        for number, (kind, view) in enumerate(offers):
            at = np.flatnonzero(drawn == number)
            if len(at):
                views = np.full((len(at), 1), view)
                parts.append((at, self._cache.read(kind, rows[at], views)[0]))
        order = np.argsort(np.concatenate([at for at, _ in parts]))
        found = torch.from_numpy(np.concatenate([part for _, part in parts])[order])
        kinds = np.array([kind for kind, _ in offers])[drawn]
        return Views(laid_out(found.to(self._device)), self._hidden(rows, kinds))

    def _hidden(self, rows: Rows, kinds: NDArray[np.str_]) -> Tensor | None:
        """Where a thing lies in a turned view is not known: nothing is hidden of it."""
        if self.cover is None:
            return None
        masks = self.cover.masks(rows, kinds == FLIPPED)
        masks[torch.from_numpy(kinds == TURNED)] = False
        return masks.to(self._device)

    def _made(self, maker: ViewMaker, rows: Rows, step: int) -> Tensor:
        """New views; the clean one of a picture that has become unreadable."""
        wanted = np.unique(rows)
        made: dict[int, NDArray[np.float32]] = {}
        for batch in maker.batches(wanted, salt=step + 1):
            made.update((row, v[TURNED][0]) for row, v in batch if not isinstance(v, str))
        lost = np.array([row for row in wanted if int(row) not in made], np.int64)
        if len(lost):
            made.update(zip(lost.tolist(), self.clean(lost).cpu().numpy(), strict=True))
        stacked = torch.from_numpy(np.stack([made[int(row)] for row in rows])).to(self._device)
        return laid_out(stacked)

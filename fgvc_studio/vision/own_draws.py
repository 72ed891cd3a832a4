"""Random numbers of torch that no other thread can disturb.

Torch's global generators belong to the process: whoever seeds them and then draws may find that
another thread, which builds a network meanwhile, drew in between.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_FACTORIES = (torch.rand, torch.randn, torch.randint, torch.randperm)
_OTHERS = (torch.bernoulli, torch.multinomial, torch.normal)
_IN_PLACE = ("bernoulli_", "cauchy_", "exponential_", "geometric_", "log_normal_", "normal_",
             "random_", "uniform_")  # fmt: skip


def _drawing() -> frozenset[Callable[..., Any]]:
    methods = [getattr(Tensor, name) for name in (*_IN_PLACE, "bernoulli", "multinomial")]
    starts = [
        function
        for name, function in vars(nn.init).items()
        if not name.startswith("_")
        and inspect.isfunction(function)
        and "generator" in inspect.signature(function).parameters
    ]
    return frozenset((*_FACTORIES, *_OTHERS, *methods, *starts))


_DRAWING = _drawing()


class OwnDraws(TorchFunctionMode):
    """Inside the block what this thread draws comes from generators of the block's own.

    Start values of layers, random tensors and stochastic depth; `nn.Dropout` too. The same seed
    gives what the global generators give after `torch.manual_seed`, dropout excepted. Calls of
    torch cost some microseconds more inside.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Give a generator to what draws without one."""
        options = dict(kwargs or {})
        if func is F.dropout:
            return self._dropout(*args, **options)
        if func in _DRAWING and options.get("generator") is None:
            options["generator"] = self._generator(_device(func, args, options))
        return func(*args, **options)

    def _generator(self, device: torch.device) -> torch.Generator:
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self._seed)
        return self._generators[device]

    def _dropout(
        self, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Tensor:
        if not training or p == 0:
            return input
        stay = torch.empty_like(input).bernoulli_(1 - p, generator=self._generator(input.device))
        stay = stay.div_(1 - p) if p < 1 else stay
        return input.mul_(stay) if inplace else input * stay


def draws(module: nn.Module) -> bool:
    """Whether a network draws random numbers in train mode (dropout, stochastic depth)."""
    return any(
        bool(getattr(part, "drop_prob", 0)) or bool(isinstance(part, nn.Dropout) and part.p)
        for part in module.modules()
    )


def _device(
    func: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]
) -> torch.device:
    if func in _FACTORIES:
        return torch.device(options.get("device") or torch.get_default_device())
    tensors = (x for x in (*args, *options.values()) if isinstance(x, Tensor))
    found = next(tensors, None)
    return torch.device("cpu") if found is None else found.device

"""Device, precision and processes, through Hugging Face accelerate.

The same code runs on one CPU thread and on many GPUs: start it plainly, or with ``torchrun`` or
``accelerate launch``.
"""

from __future__ import annotations

from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState, PartialState
from torch import Tensor, nn

PRECISIONS = ("auto", "float32", "bf16", "fp16")


class Runtime:
    """Where a run computes.

    Parameters
    ----------
    precision : str
        ``auto`` takes bf16 on a GPU that has it, fp16 on one that has not, float32 on the CPU.
    cpu : bool
        Stay on the CPU even when there is a GPU.

    Attributes
    ----------
    device : torch.device
    rank, world : int
        This process and the number of processes.
    """

    def __init__(self, precision: str = "auto", *, cpu: bool = False) -> None:
        mixed = _mixed(precision, cpu)
        known: Any = AcceleratorState._shared_state
        if known and known.get("_mixed_precision", mixed) != mixed:
            AcceleratorState._reset_state()  # a former run of this process used another precision
        options = DistributedDataParallelKwargs(broadcast_buffers=False)
        self.accelerator = Accelerator(
            cpu=cpu or not torch.cuda.is_available(),
            mixed_precision=mixed,
            kwargs_handlers=[options],
        )
        self.precision = "float32" if mixed == "no" else mixed
        self.device = self.accelerator.device
        self.rank = self.accelerator.process_index
        self.world = self.accelerator.num_processes

    @property
    def main(self) -> bool:
        """Whether this process writes."""
        return self.accelerator.is_main_process

    @property
    def plain(self) -> bool:
        """One process in float32: accelerate has nothing to add, and its wrappers cost time."""
        return self.world == 1 and self.precision == "float32"

    def prepare(self, model: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[Any, Any]:
        """Model and optimiser on the device, wrapped for several processes or mixed precision."""
        if self.plain:
            return model.to(self.device), optimiser
        return self.accelerator.prepare(model, optimiser)

    def backward(self, loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
        """Gradients of a loss, not scaled."""
        if self.plain:
            loss.backward()
            return
        self.accelerator.backward(loss)
        if self.accelerator.sync_gradients:
            self.accelerator.unscale_gradients(optimiser)

    def unwrap(self, model: nn.Module) -> Any:
        """The model as it was given to `prepare`."""
        return self.accelerator.unwrap_model(model, keep_fp32_wrapper=False)

    def mean(self, value: Tensor) -> Tensor:
        """Mean of a tensor over the processes."""
        if self.world == 1:
            return value
        return self.accelerator.reduce(value, reduction="mean")

    def share(self, text: str) -> str:
        """A text of the process that writes, in every process."""
        if self.world == 1:
            return text
        from accelerate.utils import broadcast_object_list

        found: str = broadcast_object_list([text])[0]
        return found

    def wait(self) -> None:
        """Wait for all processes."""
        self.accelerator.wait_for_everyone()

    def release(self) -> None:
        """Let go of models and optimisers."""
        self.accelerator.free_memory()


def end_processes() -> None:
    """Leave the process group, where there is one."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
        AcceleratorState._reset_state()
        PartialState._reset_state()


def _mixed(precision: str, cpu: bool) -> str:
    if precision == "auto":
        if cpu or not torch.cuda.is_available():
            return "no"
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return "no" if precision == "float32" else precision

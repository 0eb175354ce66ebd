"""Several devices of one machine at one run: a process for each, which take every step together. It knows no stage.

All have the same weights; each learns from batches of its own; gradients are averaged, so that all move alike. The
first process is the one that was there before: it alone writes, is watched, and has the clock. A team of one does
nothing here.
"""

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

LAST_WORDS_SECONDS = 10.0
"""How long the first waits for the error of another, after it has lost it."""


@dataclass(frozen=True)
class Team:
    """How many processes there are, and which of them this one is."""

    size: int = 1
    rank: int = 0

    def number(self, step: int) -> int:
        """The number of this process's batch at a step, from which all that is random follows: no two have the same."""
        return step * self.size + self.rank

    def agree(self, number: float, device: torch.device) -> float:
        """The number that the first process has."""
        if self.size == 1:
            return number
        told = torch.tensor(number, dtype=torch.float64, device=device)
        dist.broadcast(told, 0)
        return float(told)

    def share(self, tensors: list[Tensor]) -> None:
        """Make all tensors what they are in the first process."""
        if self.size > 1:
            _send_as_one(tensors, lambda flat: dist.broadcast(flat, 0))

    def average(self, parameters: list[nn.Parameter], loss: Tensor) -> Tensor:
        """Replace the gradients by their mean over all processes; the mean of the losses.

        What has no gradient anywhere keeps none: optimizers pass over it, as they do in one process.
        """
        if self.size == 1:
            return loss
        known = torch.tensor([float(one.grad is not None) for one in parameters], device=loss.device)
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in parameters]
        mean = loss.detach().clone()
        _send_as_one([*gradients, known, mean], lambda flat: _average(flat, self.size))
        for parameter, gradient, share in zip(parameters, gradients, known.tolist(), strict=True):
            parameter.grad = gradient if share else None
        return mean


ALONE = Team()


@torch.no_grad()
def _send_as_one(tensors: list[Tensor], send: Callable[[Tensor], object]) -> None:
    """Hundreds of little messages would each wait for all processes; one does not."""
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    send(flat)
    for tensor, part in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(part.view_as(tensor))


def _average(flat: Tensor, size: int) -> None:
    dist.all_reduce(flat)  # gloo has sums only
    flat /= size


@contextmanager
def gather(team: Team, device: torch.device, work: Callable[[Team, torch.device], None]) -> Iterator[None]:
    """Work together in here: the first process starts the others, and `work` there has to come here too.

    An error in one process ends all; that of another is raised here.
    """
    if team.size == 1 or team.rank > 0:
        yield
        return
    threads, hook = torch.get_num_threads(), sys.excepthook
    with tempfile.TemporaryDirectory() as folder:
        meeting, each = f"file://{folder}/meeting", max(1, threads // team.size)  # a file: a port is open to others
        told = (team.size, device.type, meeting, each, work)
        others = spawn(_follow, told, team.size - 1, join=False)  # type: ignore[no-untyped-call]
        try:
            _meet(team, device, meeting, each)
            yield
            while not others.join():
                pass
        except RuntimeError:  # PyTorch's for a lost connection; what the other says of it comes first
            others.join(LAST_WORDS_SECONDS)
            raise
        finally:
            for other in others.processes:
                other.terminate()
                other.join()
            if dist.is_initialized():
                dist.destroy_process_group()
            torch.set_num_threads(threads)
            sys.excepthook = hook  # PyTorch's would put a rank before every line


def _follow(index: int, size: int, kind: str, meeting: str, threads: int, work: Callable[..., None]) -> None:
    os.setpgid(0, 0)  # Ctrl+C reaches the first process alone, which ends the others
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # comes when the first dies; Python's handler would wait for PyTorch
    team = Team(size, index + 1)
    device = torch.device(kind, team.rank) if kind == "cuda" else torch.device(kind)
    torch.manual_seed(team.rank)
    _meet(team, device, meeting, threads)
    work(team, device)
    dist.destroy_process_group()


def _meet(team: Team, device: torch.device, meeting: str, threads: int) -> None:
    torch.set_num_threads(threads)  # all processes share the cores
    cuda = device.type == "cuda"
    if cuda:
        torch.cuda.set_device(device)
    dist.init_process_group(
        "nccl" if cuda else "gloo",
        init_method=meeting,
        rank=team.rank,
        world_size=team.size,
        device_id=device if cuda else None,
    )

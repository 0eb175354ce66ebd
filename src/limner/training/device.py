"""On what a run computes: the CPU or one CUDA device, and in which precision. It moves nothing there."""

from contextlib import AbstractContextManager, nullcontext

import torch

from limner.errors import InvalidRequest

AUTO = "auto"


def find_device(name: str, devices: int = 1) -> torch.device:
    """The device `cpu`, `cuda` or `cuda:N`; `auto` is CUDA where there is any. InvalidRequest if it is not there.

    With several `devices` it is the first of those; as many processes may share the CPU.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if devices > 1 and name != "cpu":
        return _first_cuda(name, devices, count)
    if name == AUTO:
        return torch.device("cuda" if count else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise InvalidRequest(f"--device must be auto, cpu, cuda or cuda:N, not {name!r}", field="device")
    if device.type == "cuda" and (device.index or 0) >= count:
        raise InvalidRequest(f"--device {name}: PyTorch sees {count or 'no'} CUDA device(s) here", field="device")
    return device


def _first_cuda(name: str, devices: int, count: int) -> torch.device:
    if name not in (AUTO, "cuda"):
        message = f"--devices {devices} takes --device cuda, the first {devices} of them, or cpu; not {name!r}"
        raise InvalidRequest(message, field="device")
    if devices > count:
        most = f"--devices {count} is the most" if count else f"--device cpu shares it between {devices} processes"
        message = f"--devices {devices}: PyTorch sees {count or 'no'} CUDA device(s) here; {most}"
        raise InvalidRequest(message, field="devices")
    return torch.device("cuda", 0)


def precision(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 where CUDA multiplies in it natively; single precision elsewhere, as on every CPU."""
    native = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast("cuda", torch.bfloat16) if native else nullcontext()

"""The device of a run: found where it is, refused where it is not. No GPU is needed; none is tested here."""

import pytest
import torch

from limner.errors import InvalidRequest
from limner.training.device import find_device, precision

COUNT = torch.cuda.device_count() if torch.cuda.is_available() else 0


def test_auto_is_cuda_where_there_is_any() -> None:
    assert find_device("auto").type == ("cuda" if COUNT else "cpu")
    assert find_device("cpu") == torch.device("cpu")


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=rf"--device cuda:{COUNT}: PyTorch sees {COUNT or 'no'} CUDA device"):
        find_device(f"cuda:{COUNT}")


@pytest.mark.parametrize("name", ["gpu", "meta", "cuda:x", "mps", ""])
def test_what_is_no_device_of_ours_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(InvalidRequest, match="--device must be auto, cpu, cuda or cuda:N, not"):
        find_device(name)


def test_a_cpu_computes_in_single_precision() -> None:
    with precision(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


@pytest.mark.parametrize(
    ("name", "devices", "field", "told"),
    [
        ("cuda", 3, "devices", r"--devices 3: PyTorch sees 2 CUDA device\(s\) here; --devices 2 is the most"),
        ("auto", 3, "devices", r"--devices 3: PyTorch sees 2 CUDA device\(s\) here"),
        ("cuda:1", 2, "device", "--devices 2 takes --device cuda, the first 2 of them, or cpu; not 'cuda:1'"),
        ("gpu", 2, "device", "--devices 2 takes --device cuda, the first 2 of them, or cpu; not 'gpu'"),
    ],
)
def test_several_devices_are_the_first_ones_and_no_more_than_there_are(
    name: str, devices: int, field: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert find_device("auto", 2) == find_device("cuda", 2) == torch.device("cuda", 0)
    with pytest.raises(InvalidRequest, match=told) as refused:
        find_device(name, devices)
    assert refused.value.field == field


def test_several_processes_share_a_cpu_only_when_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device("cpu", 4) == torch.device("cpu")
    with pytest.raises(InvalidRequest, match=r"sees no CUDA.*; --device cpu shares it between 4 processes"):
        find_device("auto", 4)

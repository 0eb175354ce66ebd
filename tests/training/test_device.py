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

"""Storybook's weights, configuration and vocabulary in one safetensors file; the only reader and writer of it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import nn

from limner.model.autoencoder import Autoencoder, AutoencoderConfig
from limner.model.network import Denoiser, DenoiserConfig
from limner.model.text import TextConfig, TextEncoder, Tokenizer
from limner.model.upsampler import Upsampler, UpsamplerConfig

FORMAT = 2


@dataclass(frozen=True)
class Config:
    """Everything that fixes the shapes of the weights, and what sampling must know of their training."""

    autoencoder: AutoencoderConfig
    denoiser: DenoiserConfig
    text: TextConfig
    upsampler: UpsamplerConfig
    shift: float
    """As in training (`flow.shift_times`)."""
    last: float
    """Time at which the last step begins (`flow.schedule`)."""


class Storybook(nn.Module):
    """The four networks and the tokenizer that together turn a prompt into a picture."""

    def __init__(self, config: Config, words: tuple[str, ...]) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = Tokenizer(words, config.text.length)
        self.autoencoder = Autoencoder(config.autoencoder)
        self.denoiser = Denoiser(config.denoiser)
        self.text = TextEncoder(config.text)
        self.upsampler = Upsampler(config.upsampler)


def save(model: Storybook, path: Path) -> None:
    """Write the model in half precision."""
    header = {
        "format": FORMAT,
        "config": asdict(model.config),
        "words": list(model.tokenizer.words),
    }
    weights = {name: tensor.detach().half().contiguous() for name, tensor in model.state_dict().items()}
    path.write_bytes(to_bytes(weights, metadata={"limner": json.dumps(header)}))  # `save_file` lets only us read it


def load(path: Path) -> Storybook:
    """Read a model, in single precision and ready to run; ValueError if the file is not one of ours."""
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("limner", "{}"))
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except SafetensorError:
        header, weights = {}, {}
    if header.get("format") != FORMAT:
        raise ValueError(f"{path.name} is not a storybook checkpoint of format {FORMAT}")
    model = Storybook(_config(header["config"]), tuple(header["words"]))
    model.load_state_dict(weights)
    return model.eval().requires_grad_(False)


def _config(fields: dict[str, Any]) -> Config:
    return Config(
        autoencoder=AutoencoderConfig(**fields["autoencoder"]),
        denoiser=DenoiserConfig(**fields["denoiser"]),
        text=TextConfig(**fields["text"]),
        upsampler=UpsamplerConfig(**fields["upsampler"]),
        shift=float(fields["shift"]),
        last=float(fields["last"]),
    )


def count_parameters(model: nn.Module) -> int:
    """Numbers that training may change."""
    return sum(parameter.numel() for parameter in model.parameters())

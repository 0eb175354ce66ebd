"""The recipe of a storybook checkpoint: one dial (`size`), from which the rest follows. Data only, no loop."""

from dataclasses import dataclass

from limner.errors import InvalidRequest
from limner.model.autoencoder import AutoencoderConfig
from limner.model.checkpoint import Config
from limner.model.network import DenoiserConfig
from limner.model.text import SPECIAL, TextConfig
from limner.model.upsampler import UpsamplerConfig
from limner.training.data import COMBINE, EDIT, Shape

SIZES = ("tiny", "small")


@dataclass(frozen=True)
class Stage:
    """One network's share of the work. The learning rates warm up, hold, and fall to zero at the end of `minutes`."""

    minutes: float
    batch: int
    rate: float
    """Of AdamW, which trains what is no hidden matrix."""
    muon_rate: float
    """Of Muon, which trains the hidden matrices (`muon.hidden_matrices`)."""
    hold: float = 0.4
    """Share of the minutes after which the rate starts to fall."""
    average: float = 0.999
    """Decay of the moving average of the weights, which is what is kept."""


@dataclass(frozen=True)
class Recipe:
    """All choices of one training run."""

    size: str
    shapes: tuple[Shape, ...]
    edits: dict[str, int]
    """How many edits are drawn with one input and with two (`data.EDIT`, `data.COMBINE`)."""
    large_pictures: int
    """Pictures at eight times the side, from which the upsampler learns."""
    decoder: Stage
    upsampler: Stage
    denoiser: Stage
    text_length: int = 40
    drop_text: float = 0.1
    """Share of captions left out, so that guidance has something to steer away from (Ho and Salimans 2022)."""
    shift: float = 1.0
    last: float = 0.35

    def config(self, words: int) -> Config:
        """The shapes of the networks for a vocabulary of `words`, special words not counted."""
        tiny = self.size == "tiny"
        width = 64 if tiny else 192
        heads = width // 64
        return Config(
            autoencoder=AutoencoderConfig(quarter=16, eighth=32, sixteenth=32, blocks=1)
            if tiny
            else AutoencoderConfig(),
            denoiser=DenoiserConfig(
                width=width, depth=2 if tiny else 6, heads=heads, stem=16 if tiny else 96, copies=True
            ),
            text=TextConfig(words + len(SPECIAL), self.text_length, width, depth=1 if tiny else 2, heads=heads),
            upsampler=UpsamplerConfig(channels=16 if tiny else 48, blocks=1 if tiny else 3),
            shift=self.shift,
            last=self.last,
        )


def recipe(size: str) -> Recipe:
    """The recipe for a size: `tiny` proves the loops in a minute, `small` is the shipped one (its runs: LOG.md)."""
    if size == "tiny":
        return Recipe(
            size,
            shapes=(Shape("square", 128, 128, 100),),
            edits={EDIT: 40, COMBINE: 20},
            large_pictures=8,
            decoder=Stage(0.2, 4, 2e-3, 4e-3),
            upsampler=Stage(0.1, 8, 1e-3, 1e-3),
            denoiser=Stage(0.4, 16, 1e-3, 4e-3),
        )
    if size == "small":
        return Recipe(
            size,
            shapes=(
                Shape("square", 128, 128, 36_000),
                Shape("landscape", 192, 128, 5_000),
                Shape("portrait", 128, 192, 5_000),
            ),
            edits={EDIT: 18_000, COMBINE: 3_000},
            large_pictures=200,
            decoder=Stage(10, 8, 3e-3, 4e-3, hold=0.3, average=0.99),
            upsampler=Stage(6, 8, 1e-3, 2e-3, hold=0.2, average=0.99),
            denoiser=Stage(108, 32, 1.5e-3, 4e-3, hold=0.6, average=0.998),
        )
    raise InvalidRequest(f"size must be one of {', '.join(SIZES)}, not {size!r}", field="size")

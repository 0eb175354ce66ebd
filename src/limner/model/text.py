"""Words to ids to vectors. The prompt reaches the network only through here; nothing in it is parsed or understood.

The tokenizer knows whole words; a word it does not know becomes `<unknown>`. The encoder is a small transformer that
is trained together with the denoiser.
"""

import re
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from limner.model.network import Attention

PAD, UNKNOWN, START, TRANSPARENT = "<pad>", "<unknown>", "<start>", "<transparent>"
SPECIAL = (PAD, UNKNOWN, START, TRANSPARENT)
MARKS = 2
"""Room that every prompt leaves for the special words before it, so that as much is read of one with both."""
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|[0-9]+")


def split_words(prompt: str) -> list[str]:
    """Lower-case words and numbers of a prompt, in order; punctuation falls away."""
    return _WORD.findall(prompt.lower())


class Tokenizer:
    """A fixed list of words; a word's place in it is its id."""

    def __init__(self, words: tuple[str, ...], length: int) -> None:
        if words[: len(SPECIAL)] != SPECIAL:
            raise ValueError("a vocabulary starts with the special words")
        self.words = words
        self.length = length
        self._ids = {word: index for index, word in enumerate(words)}

    @classmethod
    def over(cls, words: set[str], length: int) -> "Tokenizer":
        """A tokenizer that knows these words, in alphabetical order, and cuts prompts at `length` tokens."""
        return cls((*SPECIAL, *sorted(words)), length)

    def encode(self, prompts: list[str], *, transparent: list[bool] | None = None) -> Int64[Tensor, "b l"]:
        """Ids of each prompt, padded to the tokenizer's length; `transparent` asks for a see-through background."""
        ids = torch.zeros(len(prompts), self.length, dtype=torch.int64)
        for row, prompt in enumerate(prompts):
            marks = [START, TRANSPARENT] if transparent and transparent[row] else [START]
            words = marks + split_words(prompt)[: self.length - MARKS]
            ids[row, : len(words)] = torch.tensor([self._ids.get(word, self._ids[UNKNOWN]) for word in words])
        return ids


@dataclass(frozen=True)
class TextConfig:
    """Size of the text encoder."""

    vocabulary: int
    length: int = 40
    width: int = 192
    depth: int = 2
    heads: int = 3


class TextBlock(nn.Module):
    """Self-attention and a feed-forward layer, each after a norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)

    def forward(self, x: Float[Tensor, "b l d"], present: Bool[Tensor, "b l"]) -> Float[Tensor, "b l d"]:
        """Same shape out as in; padding is not looked at."""
        y = self.attention_norm(x)
        x = x + self.attention.look(y, self.attention.read(y), present)
        out: Tensor = x + self.contract(F.gelu(self.expand(self.norm(x))))
        return out


class TextEncoder(nn.Module):
    """Ids to one vector a token; a plain pre-norm transformer."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.position = nn.Parameter(torch.randn(config.length, config.width) * 0.02)
        self.layers = nn.ModuleList([TextBlock(config.width, config.heads) for _ in range(config.depth)])
        self.norm = nn.LayerNorm(config.width)
        nn.init.normal_(self.embedding.weight, std=0.05)

    def forward(self, ids: Int64[Tensor, "b l"]) -> tuple[Float[Tensor, "b l d"], Bool[Tensor, "b l"]]:
        """The vectors, and which of them are words rather than padding."""
        present = ids != 0
        x = self.embedding(ids) + self.position[: ids.shape[1]]
        for layer in self.layers:
            x = layer(x, present)
        return self.norm(x), present

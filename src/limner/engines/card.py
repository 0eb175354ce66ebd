"""ModelCard: what a model can do, as data. It holds no code path and loads nothing heavy."""

from typing import Any

from pydantic import Field

from limner.wire import Frozen, Quality


class Preset(Frozen):
    """What one word of `quality` stands for."""

    steps: int
    guidance: float


class Sample(Frozen):
    """A picture that the model made, shown on its page."""

    picture: str
    """Name of a file among the pictures of the documentation."""
    caption: str


class ModelCard(Frozen):
    """Capabilities, presets and request schema of one model; read by the planner, the API and the pages."""

    id: str
    aliases: tuple[str, ...] = ()
    """Other ids that clients may ask for; answers echo the id asked for."""
    display_name: str
    summary: str
    description: str
    developer: str
    released_at: str
    """ISO date."""
    parameters: int
    """Count of weights of the network."""
    mixture_of_experts: bool = False
    multilingual: bool = False
    """Whether prompts may be in other languages than English."""
    quantization: str | None = None
    """How the weights are kept in fewer bits than floats have, if they are."""
    samples: tuple[Sample, ...] = ()
    sizes: tuple[tuple[int, int], ...]
    """(width, height) the model makes; the first is the default."""
    presets: dict[Quality, Preset]
    max_steps: int
    min_guided_steps: int = 1
    """Fewest steps with which guidance, and so a negative prompt, changes anything."""
    max_references: int
    """Most input images; 0 = text to image only."""
    max_prompt_characters: int
    max_prompt_tokens: int | None = None
    """Tokens that the text encoder reads, where that can be said."""
    max_prompt_words: int | None = None
    """Words of a prompt that the model reads, where that can be said; the rest comes back in `warnings`."""
    max_n: int = 4
    transparent: bool
    """Whether background=transparent is possible."""
    transparent_words: tuple[str, ...] = ()
    """Phrases in a prompt by which background=auto becomes transparent."""
    masks: bool
    batch_key_fields: tuple[str, ...]
    """Names of Plan fields that must be equal for two generations to share a batch."""
    vocabulary: frozenset[str] | None = None
    """Lower-case words the model knows, where they can be counted; others come back in `warnings`."""
    request_schema: dict[str, Any] = Field(default_factory=dict)
    """JSON Schema of the parameters (`properties`, `required`, `basic`)."""

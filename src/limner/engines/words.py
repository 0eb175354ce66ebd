"""The words of a prompt, and what is said to a caller about those that a model cannot use. It refuses nothing."""

import re
import unicodedata
from typing import Final

from limner.engines.card import ModelCard

REFERENCE: Final = re.compile(r"@image(\d+)", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+")
_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?|[0-9]+")
"""What storybook's tokenizer takes for a word (`model/text.py`, which needs torch)."""
_LISTED = 12
_SHOWN_BEFORE_CUT = 3
_NAMES_NOTHING = re.compile(
    "a|an|and|at|by|for|from|in|into|is|it|of|on|or|please|that|the|this|to|with|draw|paint|make|create|generate|show|"
    "picture|image|illustration|painting|photo|photograph|drawing"
)
"""English words that join others or ask for a picture, and say nothing of what is in it."""
_NOT_ENGLISH = re.compile(
    "der|das|ein|eine|einen|einem|einer|und|auf|dem|ist|zum|"  # German
    "un|une|les|des|du|et|est|avec|dans|sur|sous|aux|"  # French
    "el|una|del|por|para|sobre|"  # Spanish
    "il|gli|che|nel|nella|sul|sulla|"  # Italian
    "um|uma|na|het|een|ett|och|det|og|jest|nad"  # Portuguese, Dutch, Swedish, Danish, Polish
)
"""Little words of other languages that English has neither as words nor in well-known names."""


def split(text: str) -> list[str]:
    """The words and numbers of a text in lower case, without punctuation and without `@Image1`."""
    return _WORD.findall(REFERENCE.sub(" ", text).lower().replace("’", "'"))


def warn(field: str, text: str, card: ModelCard) -> list[str]:
    """What of the text in `field` the model does not understand or read, a sentence each."""
    called = "the prompt" if field == "prompt" else field
    told: list[str] = []
    if card.vocabulary is not None and text.strip():
        told += _warn_of_unknown(called, split(text), card, card.vocabulary)
    tokens, limit = _TOKEN.findall(text.lower()), card.max_prompt_words
    if limit is not None and len(tokens) > limit:
        before = " ".join(tokens[max(0, limit - _SHOWN_BEFORE_CUT) : limit])
        read = f"{called} has {len(tokens)} words, of which {card.id} reads {limit}"
        told.append(f"{read}: it is cut after “{before}”, and the rest changes nothing")
    return told


def _warn_of_unknown(called: str, words: list[str], card: ModelCard, vocabulary: frozenset[str]) -> list[str]:
    names = [word for word in dict.fromkeys(words) if not word.isdecimal()]
    unknown = [word for word in names if word not in vocabulary]
    told: list[str] = []
    if not card.multilingual and 2 * len(unknown) > len(names) and any(map(_is_foreign, unknown)):
        told.append(f"{called} does not look like English, and {card.id} knows no other language")
    if called == "the prompt" and not any(w in vocabulary and not _NAMES_NOTHING.fullmatch(w) for w in names):
        none = f"{card.id} knows no word of the prompt that names something, so what it draws is its own choice"
        told.append(f"{none}; it does not know: {_list(unknown)}" if unknown else none)
    elif unknown:
        told.append(f"words of {called} that {card.id} does not know and that change little: {_list(unknown)}")
    return told


def _is_foreign(word: str) -> bool:
    return bool(_NOT_ENGLISH.fullmatch(word)) or any(
        not unicodedata.name(letter, "LATIN").startswith("LATIN") for letter in word
    )


def _list(words: list[str]) -> str:
    more = f" and {len(words) - _LISTED} more" if len(words) > _LISTED else ""
    return ", ".join(word[:40] for word in words[:_LISTED]) + more

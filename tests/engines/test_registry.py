"""Model ids: what a request names, what runs, and what is not there."""

import pytest

from limner.engines import registry
from limner.errors import NotFound


def test_every_card_answers_to_its_id_and_its_aliases() -> None:
    for id, card in registry.cards().items():
        assert card.id == id
        for name in (id, *card.aliases):
            assert registry.resolve(name).id == id


@pytest.mark.parametrize("name", ["gpt-image-1-5", "gpt-image-1.5", "gpt-image-1", "dall-e-3", "storybook"])
def test_programs_for_the_hub_and_openai_find_storybook(name: str) -> None:
    assert registry.resolve(name).id == "storybook"


@pytest.mark.parametrize("name", ["nobody", "", "Storybook", "storybook ", "x" * 5_000])
def test_an_unknown_model_is_named_in_the_hubs_words(name: str) -> None:
    with pytest.raises(NotFound) as missing:
        registry.resolve(name)
    assert missing.value.message == f"Model not found: {name[:200]}"

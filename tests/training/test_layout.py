"""The second lesson's truth: labels lie where the subject is drawn."""

import random

import torch

from limner.training import layout
from limner.training.world import scene


def test_labels_lie_on_the_side_the_scene_says() -> None:
    rng = random.Random(0)
    found = 0
    for _ in range(200):
        shown = scene.draw_scene(rng)
        if len(shown.subjects) != 1 or shown.subjects[0].position != "left":
            continue
        kinds, colours, place, *_ = layout.label(shown, 8, 8).view(-1, 8, 8)
        assert (place == (*scene.PLACES, scene.NO_PLACE).index(shown.place)).all()
        assert set(kinds.unique().tolist()) == {0, scene.KINDS.index(shown.subjects[0].kind) + 1}
        assert torch.equal(kinds > 0, colours > 0)
        assert (kinds[:, :4] > 0).sum() > (kinds[:, 4:] > 0).sum()
        found += 1
    assert found > 10


def test_a_right_answer_costs_less_than_a_wrong_one() -> None:
    head = layout.LayoutHead(2)
    torch.nn.init.zeros_(head.read.weight)
    torch.nn.init.zeros_(head.read.bias)
    with torch.no_grad():
        for question in range(len(layout.CLASSES)):
            head.read.bias[sum(layout.CLASSES[:question]) + 2] = 9.0
    tokens = torch.zeros(1, 4, 2)
    right, wrong = torch.full((1, 6, 4), 2), torch.full((1, 6, 4), 1)
    assert head(tokens, right) < 0.01 < head(tokens, wrong)

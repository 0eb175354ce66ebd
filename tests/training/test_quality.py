"""The questions asked of a checkpoint: their prompts are of the world, and an answer is met only if all of it is."""

import random

import numpy as np
import pytest
import torch

from limner.training import quality
from limner.training.judge import SCENE_ANSWERS, Judge, Reading
from limner.training.quality import Question
from limner.training.world.captions import WORD, words
from limner.training.world.scene import RING

SEEN = Reading(
    {"place": "road", "time": "day", "weather": "snow"},
    {
        "left": {"kind": "ox", "colour": "brown", "size": "large", "facing": "right"},
        "right": {"kind": "cat", "colour": "red", "size": "small", "facing": "left"},
    },
)


@pytest.mark.parametrize("task", quality.TASKS)
def test_prompts_are_of_the_world_and_ask_for_something(task: str) -> None:
    asker = quality.Asker(random.Random(3), RING)
    known = words()
    for _ in range(50):
        question = quality.TASKS[task](asker)
        assert question.subjects or question.scene
        assert task == "the example" or set(WORD.findall(question.prompt.lower())) <= known, question.prompt


@pytest.mark.parametrize(
    ("question", "met"),
    [
        (Question("", ({"kind": "ox"},)), True),
        (Question("", ({"kind": "ox", "colour": "red"},)), False),
        (Question("", ({"kind": "ox", "position": "left"}, {"kind": "cat", "colour": "red"})), True),
        (Question("", ({"kind": "ox", "position": "right"},)), False),
        (Question("", ({"kind": "ox"}, {"kind": "ox"})), False),
        (Question("", (), (("place", "road"), ("weather", "snow"))), True),
        (Question("", ({"kind": "ox"},), (("time", "night"),)), False),
    ],
)
def test_a_question_is_met_only_by_all_it_asks_for(question: Question, met: bool) -> None:
    assert question.met(SEEN) == met


def test_a_score_is_a_share_and_the_overall_one_the_mean_of_the_tasks_of_geneval() -> None:
    def answer(met: bool) -> quality.Answer:
        return quality.Answer("position", Question(""), 0, np.zeros((1, 1, 4), np.uint8), met)

    assert quality.share([answer(True), answer(False)]) == 0.5
    told = dict.fromkeys(quality.TASKS, 0.0) | dict.fromkeys(quality.GENEVAL, 1.0)
    assert quality.overall(told | {"position": 0.4}) == pytest.approx(0.9)


def test_the_judge_starts_with_one_answer_for_each_question() -> None:
    judge = Judge().eval()
    reading = judge.read(torch.zeros(2, 4, 128, 128))[0]
    assert set(reading.scene) == set(SCENE_ANSWERS)

"""The judge: it is asked the right questions, it learns from renders, and it is only trained once."""

from pathlib import Path

import pytest
import torch

from limner.model import pixels
from limner.training import judge
from limner.training.recipe import Stage
from limner.training.world.scene import FRONT, POSITIONS


def test_every_question_has_its_answer_in_the_scene() -> None:
    for seed in range(200):
        scene = judge.scene_for_judge(seed)
        right = dict(zip(((at, name) for at, name, _ in judge.questions()), judge.truths(scene).tolist(), strict=True))
        standing = {at for subject in scene.subjects for at, row in subject.standing() if row == FRONT}
        for at in POSITIONS:
            assert (right[at, "kind"] > 0) == (at in standing)
            assert (right[at, "colour"] == -1) == (at not in standing)
        assert judge.SCENE_ANSWERS["place"][right["", "place"]] == scene.place
        assert right["", "count"] == sum(subject.count for subject in scene.subjects)


def test_a_judge_learns_its_renders_by_heart_and_reads_them(tmp_path: Path) -> None:
    stage = Stage(minutes=0.25, batch=8, rate=2e-3, muon_rate=4e-3, hold=0.5, average=0.9)
    seer = judge.train(tmp_path, 8, stage)
    pictures, _ = judge.draw_renders(tmp_path, 8, judge.HELD_OUT_SEED // 2)
    seen = seer.read(pixels.to_floats(pictures))
    scenes = [judge.scene_for_judge(judge.HELD_OUT_SEED // 2 + i) for i in range(8)]
    met = [reading.scene["time"] == scene.time for reading, scene in zip(seen, scenes, strict=True)]
    assert sum(met) >= 6
    again = judge.train(tmp_path, 8, stage)
    assert all(torch.equal(a, b) for a, b in zip(seer.state_dict().values(), again.state_dict().values(), strict=True))
    assert set(judge.accuracy(again, tmp_path, 20)) == {*judge.SUBJECT_ANSWERS, *judge.SCENE_ANSWERS}


def test_what_is_made_unsharp_keeps_its_size_and_what_it_shows() -> None:
    floats = torch.zeros(4, 4, 128, 128)
    floats[:, :, 40:80, 40:80] = 1
    soft = judge.blur(floats, torch.Generator().manual_seed(0))
    assert soft.shape == floats.shape
    assert float((soft - floats).square().mean().sqrt()) == pytest.approx(0.1, abs=0.09)


def test_a_judge_that_misses_more_than_three_in_a_hundred_is_not_fit() -> None:
    assert judge.unfit({"kind": 0.968, "place": 0.97, "time": 1.0}) == ["kind"]
    assert judge.unfit({"kind": 0.99, "place": 0.97}) == []

"""A person's own folder: both layouts of captions, every mistake named, and a run from the pictures to a checkpoint."""

import dataclasses
import io
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from limner.errors import InvalidRequest
from limner.model import checkpoint
from limner.training import latents, recipe, stages
from limner.training.captioned import Picture, read_folder
from limner.training.data import Shape
from limner.training.folder import Folder, by_shape
from limner.training.progress import Progress, unwatched
from limner.training.recipe import Stage

GUIDE = Path(__file__).parent.parent.parent / "docs" / "guides" / "train-your-own.md"
COLOURS = ("red", "green", "blue", "black")
SHAPES = ("disc", "box")
WORDS = {"a", "on", "white", *COLOURS, *SHAPES}
TINY = dataclasses.replace(
    recipe.recipe("tiny"),
    large_pictures=2,
    decoder=Stage(0.03, 4, 2e-3, 4e-3),
    upsampler=Stage(0.02, 2, 1e-3, 1e-3),
    denoiser=Stage(0.15, 16, 2e-3, 6e-3),
)


def draw(file: Path, number: int, size: tuple[int, int] = (150, 140), ground: str = "white") -> str:
    """A disc or a box in one colour, written to a file; its caption."""
    colour, shape = COLOURS[number % 4], SHAPES[number // 4 % 2]
    picture = Image.new("RGB", size, ground)
    pen = ImageDraw.Draw(picture)
    place = (size[0] // 4, size[1] // 4, size[0] * 3 // 4, size[1] * 3 // 4)
    (pen.ellipse if shape == "disc" else pen.rectangle)(place, fill=colour)
    picture.save(file)
    return f"a {colour} {shape} on white"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Forty pictures, PNG, JPEG and WebP, each with a text file; two are large, and two are in a folder below."""
    folder = tmp_path / "own"
    (folder / "more").mkdir(parents=True)
    for i in range(40):
        file = folder / ("more" if i < 2 else "") / f"{i:02d}{('.png', '.jpg', '.webp')[i % 3]}"
        text = draw(file, i, (1100, 1030) if i in (5, 6) else (150, 140))
        file.with_suffix(".txt").write_text(f"{text}\n")
    return folder


def test_both_layouts_of_captions_say_the_same(own: Path) -> None:
    beside = read_folder(own)
    assert len(beside) == 40
    assert beside[5].name == "07.jpg"
    assert beside[5].captions == ("a black box on white",)
    for name in ("captions.jsonl", "metadata.jsonl"):
        lines = [json.dumps({"file_name": each.name, "text": each.captions[0]}) for each in beside]
        (own / name).write_text("\n".join(lines) + "\n")
        assert read_folder(own) == beside
        (own / name).unlink()


def test_each_line_is_a_caption_and_each_is_used(own: Path) -> None:
    (own / "09.txt").write_text("a box\n\nsome green box\n")
    source = Folder(own, TINY, 1)
    seed = next(i for i, each in enumerate(source._pictures) if each.name.startswith("09"))
    source._clear = [False] * 40
    said = {source.word(seed, random.Random(i))[0] for i in range(60)}
    assert {"a box", "some green box"} <= said
    assert any("xyzzy" in text for text in said), "words that nobody knows are learned too"


def test_words_seen_once_are_not_learned(own: Path) -> None:
    (own / "09.txt").write_text("a green box, quite singular")
    assert Folder(own, TINY, 1).words() == WORDS


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda own: [file.unlink() for file in own.rglob("*.*")], "has no PNG, JPEG or WebP picture"),
        (lambda own: (own / "09.txt").unlink(), "1 of 40 pictures have no caption; the first is 09.png"),
        (lambda own: (own / "09.png").unlink(), r"09.txt is about 09.png, but there is no such picture"),
        (lambda own: (own / "09.txt").write_text(" \n"), "the caption '' of 09.png has no word; words are made of"),
        (lambda own: (own / "09.txt").write_text("бык"), "the caption 'бык' of 09.png has no word"),
        (lambda own: (own / "09.txt").write_bytes(b"\xff\xfe\xff"), "09.txt is not text in UTF-8"),
        (lambda own: (own / "09.png").write_text("no picture"), "09.png is not a whole PNG, JPEG or WebP picture"),
        (lambda own: (own / "captions.jsonl").write_text("{}\n"), r'captions.jsonl, line 1, is not like {"file_name"'),
        (lambda own: (own / "captions.jsonl").write_text("\n[1]\n"), r"captions.jsonl, line 2, is not like"),
        (
            lambda own: (own / "captions.jsonl").write_text('{"file_name": "../x.png", "text": "an ox"}'),
            r"captions.jsonl, line 1, is about ../x.png, but there is no such picture",
        ),
        (
            lambda own: [(own / name).write_text("") for name in ("captions.jsonl", "metadata.jsonl")],
            "both captions.jsonl and metadata.jsonl; keep one",
        ),
        (
            lambda own: [file.unlink() for file in own.rglob("[0-2]*.*")],
            "10 pictures are too few: one batch of the recipe tiny takes 16",
        ),
        (
            lambda own: [file.write_text("x" * (i + 1)) for i, file in enumerate(own.rglob("*.txt"))],
            "no word is in the captions 2 times",
        ),
    ],
)  # fmt: skip
def test_a_mistake_in_the_folder_is_named(own: Path, change: Callable[[Path], object], told: str) -> None:
    change(own)
    with pytest.raises(InvalidRequest, match=told):
        Folder(own, TINY, 1)


def test_a_picture_that_is_broken_inside_is_named_before_any_training(own: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (60, 60, 3), np.uint8)
    Image.fromarray(noise).save(own / "11.webp", lossless=True)
    whole = (own / "11.webp").read_bytes()
    (own / "11.webp").write_bytes(whole[:100] + bytes(5000) + whole[5100:])
    source = Folder(own, TINY, 1)
    with pytest.raises(InvalidRequest, match=r"--data: 11.webp is not a whole PNG"):
        source.shards(tmp_path / "run" / "pictures", unwatched)


def test_the_size_is_that_of_the_upright_picture(own: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (30, 20)).save(own / "10.jpg", exif=turned)
    [picture] = [each for each in read_folder(own) if each.name == "10.jpg"]
    assert (picture.width, picture.height) == (20, 30)


def test_hidden_files_and_other_files_are_passed_over(own: Path) -> None:
    (own / ".trash").mkdir()
    (own / ".trash" / "x.png").write_text("")
    (own / "._09.txt").write_text("")
    (own / "notes.md").write_text("")
    assert len(read_folder(own)) == 40


def test_pictures_take_the_nearest_shape_that_has_a_batch() -> None:
    square, wide, high = Shape("square", 8, 8, 0), Shape("landscape", 12, 8, 0), Shape("portrait", 8, 12, 0)
    sizes = [(100, 100)] * 3 + [(300, 200)] * 4 + [(90, 100), (400, 200), (200, 300)]
    pictures = [Picture(Path(), str(i), *size, ("an ox",)) for i, size in enumerate(sizes)]
    groups = {shape.name: len(group) for shape, group in by_shape(pictures, (square, wide, high), 4)}
    assert groups == {"square": 5, "landscape": 5}, "the one portrait is cropped to a square"
    assert [(shape.name, len(group)) for shape, group in by_shape(pictures, (square, wide, high), 9)] == [
        ("square", 10)
    ]


def test_pictures_are_covered_cropped_and_known_again(own: Path, tmp_path: Path) -> None:
    kept = tmp_path / "run" / "pictures"
    seen: list[Progress] = []
    Image.new("RGBA", (64, 128), (255, 0, 0, 0)).save(own / "09.png")
    source = Folder(own, TINY, 1)
    [shard] = source.shards(kept, seen.append)
    assert seen[-1] == Progress("reading", 1.0)
    pictures = np.load(shard.path)
    assert pictures.shape == (40, 128, 128, 4)
    names = [each.name for each in source._pictures]
    black = pictures[names.index("11.webp")]
    assert black[64, 64, :3].max() < 20
    assert black[4, 4, :3].min() > 235
    marks = [source.word(seed, random.Random(0))[1] for seed in range(40)]
    assert [name for name, mark in zip(names, marks, strict=True) if mark] == ["09.png"]

    made_at = shard.path.stat().st_mtime_ns
    assert Folder(own, TINY, 1).shards(kept, unwatched) == [shard]
    assert shard.path.stat().st_mtime_ns == made_at
    (own / "11.txt").write_text("a white hole")
    with pytest.raises(InvalidRequest, match="run was begun with other pictures or captions; take another --folder"):
        Folder(own, TINY, 1).shards(kept, unwatched)


def test_a_run_folder_of_the_world_is_refused(own: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "square-0000.npy").touch()
    with pytest.raises(InvalidRequest, match="begun with other pictures"):
        Folder(own, TINY, 1).shards(tmp_path / "run", unwatched)


def test_only_large_pictures_teach_the_upsampler(own: Path, tmp_path: Path) -> None:
    paths = Folder(own, TINY, 1).large(tmp_path, 8)
    assert [np.asarray(Image.open(io.BytesIO(path.read_bytes()))).shape for path in paths] == [(1024, 1024, 4)] * 2
    for name in ("05.webp", "06.png"):
        draw(own / name, 0)
    source = Folder(own, TINY, 1)
    assert source.large(tmp_path, 8) == []
    assert list(source.remarks())[-1] == "no picture has 1024 pixels on each side: the upsampler stays as it begins"


def test_long_captions_are_remarked_on(own: Path) -> None:
    (own / "09.txt").write_text("a box " * 30)
    first, second = list(Folder(own, TINY, 1).remarks())
    assert first == "40 pictures (40 square), 9 words"
    assert second.startswith("1 captions have more than 38 words")


def test_a_folder_is_trained_on_to_the_end_and_the_loss_falls(own: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = Folder(own, TINY, 1)
    run = latents.Run(TINY, source, tmp_path / "run", torch.device("cpu"))
    model = stages.train(run)
    stages.export(model, tmp_path / "mine.safetensors")
    assert json.loads((tmp_path / "mine.json").read_text())["vocabulary"] == sorted(WORDS)
    loaded = checkpoint.load(tmp_path / "mine.safetensors")
    [shown] = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    subprocess.run([sys.executable, "-c", shown], check=True, cwd=tmp_path)
    with Image.open(tmp_path / "ox.png") as picture:
        assert picture.size == (128, 128)

    fresh = checkpoint.Storybook(loaded.config, loaded.tokenizer.words)
    fresh.denoiser.spread.copy_(loaded.denoiser.spread)
    encoded = latents.encode_pictures(model, run, source.shards(run.folder / "pictures", unwatched))
    before, after = (mean_loss(each, run, encoded) for each in (fresh, loaded))
    assert after < 0.9 * before


@torch.no_grad()
def mean_loss(model: checkpoint.Storybook, run: latents.Run, encoded: list[latents.Encoded]) -> float:
    """Over batches that are the same for every model."""
    loss = stages.denoiser_loss(model, run, encoded, lambda labels: pytest.fail("nothing is known of these pictures"))
    return sum(float(loss(step)[0]) for step in range(1000, 1004)) / 4

"""The loss curves of a run, drawn from its log as one PNG. Nothing here reads a network."""

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 960, 260
"""Of the panel of one stage, in pixels."""
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 36, 34
SMOOTH = 40
"""Logged losses that the dark line is the mean of, where there are many; each is itself a mean of twenty steps."""
INK, FAINT, GRID, LINE = "#222222", "#a8c8e8", "#e4e4e4", "#1f5f9f"


def read_log(log: Path) -> dict[str, list[dict[str, Any]]]:
    """The lines of each stage. What a stopped run logged after its last save was done again, and counts once."""
    stages: dict[str, list[dict[str, Any]]] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue  # a run was killed while it wrote this line
        known = stages.setdefault(told["stage"], [])
        while known and known[-1]["step"] >= told["step"]:
            known.pop()
        known.append(told)
    return stages


def draw_curves(log: Path, path: Path) -> None:
    """A panel for each stage in the log: its loss over the minutes it trained."""
    stages = read_log(log)
    sheet = Image.new("RGB", (WIDTH, HEIGHT * len(stages)), "#ffffff")
    for number, (stage, lines) in enumerate(stages.items()):
        sheet.paste(_panel(stage, lines), (0, number * HEIGHT))
    sheet.save(path)


def smooth(losses: list[float]) -> list[float]:
    """Each with those around it: their mean, over less at both ends."""
    reach = max(1, min(SMOOTH, len(losses) // 10)) // 2
    windows = (losses[max(0, i - reach) : i + reach + 1] for i in range(len(losses)))
    return [sum(window) / len(window) for window in windows]


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers from `low` to `high`, at most `most` + 1 of them."""
    rough = max(high - low, 1e-9) / most
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * by for by in (1, 2, 5, 10) if unit * by >= rough * (1 - 1e-9))
    return [i * step for i in range(math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6) + 1)]


def _panel(stage: str, lines: list[dict[str, Any]]) -> Image.Image:
    panel = Image.new("RGB", (WIDTH, HEIGHT), "#ffffff")
    draw, font = ImageDraw.Draw(panel), ImageFont.load_default(13)
    minutes = [line["seconds"] / 60 for line in lines]
    losses = [line["loss"] for line in lines]
    even = smooth(losses)
    settled = even[len(even) // 20 :]  # the fall of the first moments would leave no room for the rest
    margin = 0.15 * (max(settled) - min(settled)) + 1e-6
    low, high = min(settled) - margin, max(settled) + margin
    end = max(minutes[-1], 1e-6)

    def at(minute: float, loss: float) -> tuple[float, float]:
        share = (min(max(loss, low), high) - low) / (high - low)
        return LEFT + minute / end * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    for loss in ticks(low, high, 5):
        draw.line([at(0, loss), at(end, loss)], fill=GRID)
        draw.text((LEFT - 8, at(0, loss)[1]), f"{loss:.4g}", fill=INK, font=font, anchor="rm")
    for minute in ticks(0, end, 10):
        draw.line([at(minute, low), at(minute, high)], fill=GRID)
        draw.text((at(minute, low)[0], HEIGHT - BOTTOM + 6), f"{minute:.4g}", fill=INK, font=font, anchor="mt")
    for values, colour, width in ((losses, FAINT, 1), (even, LINE, 2)):
        points = [at(minute, loss) for minute, loss in zip(minutes, values, strict=True)]
        for ends in pairwise(points):
            draw.line(ends, fill=colour, width=width)
    last = lines[-1]
    title = f"{stage}: loss {even[-1]:.4g} after {last['pictures']:,} pictures, {last['pictures_per_second']} a second"
    draw.text((LEFT, TOP / 2), title, fill=INK, font=font, anchor="lm")
    draw.text((WIDTH - RIGHT, HEIGHT - 4), "minutes", fill=INK, font=font, anchor="rb")
    return panel

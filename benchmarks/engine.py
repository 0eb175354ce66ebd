"""How fast storybook draws and where the time goes, what batches would bring, and who waits for whom. No server here.

    .venv/bin/python -m benchmarks.engine [--quick] [--threads 2]

benchmarks/README.md says what each line means.
"""

import argparse
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from benchmarks.results import Figure, Results, quantiles, read_arguments
from limner import wire
from limner.engines import plan as planner
from limner.engines import registry, storybook
from limner.engines.engine import Job
from limner.engines.storybook import AT_ONCE, StorybookEngine
from limner.model import pixels
from limner.workers.loop import JOIN_SECONDS
from limner.workers.run import BatchControl, Report, encode_picture, run_here

AIM_SECONDS = {"low": 0.6, "medium": 1.5, "high": 4.0}
AIM_OF_MATMUL = 0.5
MATMUL_SIDE = 1024
PROMPT = "a large brown ox standing on a snowy road"
PICTURES_AT_ONCE = (1, 2, 4, 8)
WORTH_A_BATCH = 1.15
SMALL_STEPS, LARGE_STEPS = 4, 28
SMALL_SHARE = 0.75
LOAD = 0.6
"""Of what one at a time can do."""
WAYS = {"one at a time": (1, False), "four at a time": (AT_ONCE, False), "newcomers join": (AT_ONCE, True)}
"""How many pictures a batch may hold, and whether others may join it."""


class Stopwatch:
    """Adds up the processor time that functions take, none of which calls another that is watched."""

    def __init__(self) -> None:
        self.seconds = defaultdict[str, float](float)

    def watch(self, part: str, holder: object, name: str) -> None:
        """Count the calls of this function as `part` from now on."""
        function = getattr(holder, name)

        def watched(*given: Any, **more: Any) -> Any:
            began = time.process_time()
            made = function(*given, **more)
            self.seconds[part] += time.process_time() - began
            return made

        setattr(holder, name, watched)


def make_job(quality: str = "medium", steps: int | None = None, name: str = "picture") -> Job:
    """A picture of the square size."""
    request = wire.ImageRequest(
        namespace="local", model="storybook", prompt=PROMPT, quality=quality, num_inference_steps=steps, seed=1
    )
    return Job(name, planner.plan(request, registry.resolve("storybook"), 1)[0])


def draw(engine: StorybookEngine, quality: str, stopwatch: Stopwatch) -> None:
    """From prompt to the bytes of a PNG."""
    job = make_job(quality)
    rgba = run_here(engine, [job], lambda id, i, of: None)[job.id]
    began = time.process_time()
    encode_picture(job, rgba)
    stopwatch.seconds["PNG"] += time.process_time() - began


def watch_parts(engine: StorybookEngine, stopwatch: Stopwatch) -> None:
    """Let the stopwatch see the networks."""
    model = engine._model
    stopwatch.watch("text", model.text, "forward")
    stopwatch.watch("denoiser", model.denoiser, "denoise")
    stopwatch.watch("decoder", model.autoencoder, "decode")
    stopwatch.watch("upsampler", model.upsampler, "forward")
    stopwatch.watch("to bytes", pixels, "to_bytes")


def count_flop(work: Callable[[], object]) -> float:
    """Floating-point operations of matmuls, convolutions and attention, in billions."""
    attention = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flop}
    with FlopCounterMode(display=False, custom_mapping=attention) as counter:
        work()
    return float(counter.get_total_flops()) / 1e9


def _attention_flop(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query, key, value))  # type: ignore[no-untyped-call]


def processor_seconds(work: Callable[[], object]) -> float:
    """The processor time of one call, which a busy machine hardly changes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def measure_pictures(engine: StorybookEngine, results: Results, pictures: int) -> None:
    """Prompt to bytes at each quality, its parts, and the rate of arithmetic beside a plain matmul's."""
    left, right = torch.randn(MATMUL_SIDE, MATMUL_SIDE), torch.randn(MATMUL_SIDE, MATMUL_SIDE)
    stopwatch = Stopwatch()
    flop = {quality: count_flop(lambda quality=quality: draw(engine, quality, Stopwatch())) for quality in AIM_SECONDS}  # type: ignore[misc]
    watch_parts(engine, stopwatch)
    for quality, aim in AIM_SECONDS.items():
        walls, processor, matmuls = list[float](), list[float](), list[float]()
        stopwatch.seconds.clear()
        for _ in range(pictures):
            matmuls.append(processor_seconds(lambda: left @ right))
            began = time.perf_counter()
            processor.append(processor_seconds(lambda quality=quality: draw(engine, quality, stopwatch)))  # type: ignore[misc]
            walls.append(time.perf_counter() - began)
        took, wall = statistics.median(processor), Figure.median(walls)
        results.add(
            quality, wall, {"aim": aim * 1e3 / wall.value}, cpu_ms=round(took * 1e3, 1), gflop=round(flop[quality], 2)
        )
        parts = {part: seconds / pictures for part, seconds in stopwatch.seconds.items()}
        parts["the rest"] = statistics.mean(processor) - sum(parts.values())
        for part, seconds in parts.items():
            results.add(
                f"{quality}: {part}",
                Figure(seconds * 1e3, "ms"),
                {},
                share=round(seconds / statistics.mean(processor), 4),
            )
        matmul = 2 * MATMUL_SIDE**3 / 1e9 / statistics.median(matmuls)
        share = flop[quality] / took / matmul
        results.add(
            f"{quality}: rate of a matmul",
            Figure(share, "share"),
            {"aim": share / AIM_OF_MATMUL},
            gflops=round(matmul, 1),
        )


@torch.inference_mode()
def measure_batches(engine: StorybookEngine, results: Results, rounds: int) -> None:
    """Evaluations of the denoiser for several pictures at once, which take one row each, or two if they are guided."""
    model = engine._model
    for kind, rows in (("unguided", 1), ("guided", 2)):
        ids = model.tokenizer.encode([PROMPT, ""][:rows] * max(PICTURES_AT_ONCE))
        text, present = model.text(ids)
        x_t, t = torch.randn(len(ids), model.config.autoencoder.latent, 8, 8), torch.rand(len(ids))
        contexts = {
            count: model.denoiser.read(text[: count * rows], present[: count * rows]) for count in PICTURES_AT_ONCE
        }
        seconds: dict[int, list[float]] = {count: [] for count in PICTURES_AT_ONCE}
        made = dict[int, torch.Tensor]()
        for _ in range(rounds):
            for count, context in contexts.items():
                began = time.process_time()
                made[count] = model.denoiser.denoise(x_t[: count * rows], t[: count * rows], context)
                seconds[count].append(time.process_time() - began)
        alone = Figure.rate(seconds[1])
        for count in PICTURES_AT_ONCE:
            rate = Figure(count / statistics.median(seconds[count]), "per second")
            same = torch.equal(made[count][:rows], made[1])
            times = rate.times_better(alone)
            ratios = {"one at a time": times} | ({"worth it": times / WORTH_A_BATCH} if count > 1 else {})
            results.add(f"evaluations, {count} {kind} at once", rate, ratios, same_bits=same)


@dataclass(frozen=True)
class Arrival:
    """A picture that is asked for so many seconds after the beginning."""

    at: float
    job: Job


class Traffic:
    """Pictures that arrive in real time, made in one of the `WAYS`; notes how long each waited for its last step."""

    def __init__(self, engine: StorybookEngine, arrivals: list[Arrival], at_once: int, *, joining: bool) -> None:
        self.waited: dict[str, float] = {}
        self._engine, self._at_once, self._joining = engine, at_once, joining
        self._coming = arrivals
        self._asked: dict[str, float] = {}
        self._ask_at = 0.0

    def run(self) -> float:
        """Make all; returns the seconds that took."""
        self._began = time.perf_counter()
        while self._coming:
            time.sleep(max(0.0, self._coming[0].at - self._now()))
            first = self._take(self._at_once)
            self._ask_at = self._now() + JOIN_SECONDS
            report = Report(
                step=lambda id, i, of: None,
                done=lambda job, rgba, warnings: self.waited.update({job.id: self._now() - self._asked[job.id]}),
                failed=lambda job, error: None,
                newcomers=self._newcomers,
            )
            self._engine.run(first, BatchControl(first, report, self._at_once))
        return self._now()

    def _now(self) -> float:
        return time.perf_counter() - self._began

    def _take(self, room: int) -> list[Job]:
        here = [arrival for arrival in self._coming[:room] if arrival.at <= self._now()]
        self._coming = self._coming[len(here) :]
        self._asked |= {arrival.job.id: arrival.at for arrival in here}
        return [arrival.job for arrival in here]

    def _newcomers(self, batch_key: str, room: int) -> list[Job]:
        if not self._joining or self._now() < self._ask_at:
            return []
        self._ask_at = self._now() + JOIN_SECONDS
        return self._take(room)


def measure_traffic(engine: StorybookEngine, results: Results, count: int) -> None:
    """Short and long pictures in one queue, the same ones at the same times in each of the ways."""
    chance = random.Random(1)
    kinds = ["small" if chance.random() < SMALL_SHARE else "large" for _ in range(count)]
    jobs = [
        make_job("low" if kind == "small" else "high", SMALL_STEPS if kind == "small" else LARGE_STEPS, f"{kind} {i}")
        for i, kind in enumerate(kinds)
    ]
    began = time.perf_counter()
    for job in jobs[:8]:
        run_here(engine, [job], lambda id, i, of: None)
    apart = (time.perf_counter() - began) / 8 / LOAD
    times, at = list[float](), 0.0
    for _ in jobs:
        at += chance.expovariate(1 / apart)
        times.append(at)
    alone = dict[str, float]()
    for way, (at_once, joining) in WAYS.items():
        traffic = Traffic(
            engine, [Arrival(at, job) for at, job in zip(times, jobs, strict=True)], at_once, joining=joining
        )
        took = traffic.run()
        for kind in ("small", "large"):
            waited = [seconds for id, seconds in traffic.waited.items() if id.startswith(kind)]
            slowest = quantiles(waited)["p99_ms"]
            ratios = {"p99 of one at a time": alone[kind] / slowest} if kind in alone else {}
            alone.setdefault(kind, slowest)
            results.add(
                f"{kind}, {way}", Figure.median(waited), ratios, per_second=round(count / took, 3), utilisation=LOAD
            )


def main() -> None:
    """Measure and write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, help="of a picture, in place of the engine's own choice")
    arguments = read_arguments(parser)
    results = Results("engine", arguments)
    engine = StorybookEngine()
    engine.load()
    if arguments.threads is not None:
        storybook.THREADS = arguments.threads
    torch.set_num_threads(storybook.THREADS)
    run_here(engine, [make_job("low")], lambda id, i, of: None)
    measure_batches(engine, results, 3 if arguments.quick else 100)
    measure_traffic(engine, results, 10 if arguments.quick else 200)
    measure_pictures(engine, results, 2 if arguments.quick else 15)


if __name__ == "__main__":
    main()

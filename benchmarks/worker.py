"""Figures of the worker, as the table in the README has them.

    python benchmarks/worker.py              # all rows: an hour on one slow core
    python benchmarks/worker.py hello kills  # some

Real sockets, processes and kills. The pipeline is the shipped model's where a row says `real`, else the tests' fake.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from imagintalk_server.address import Address
from imagintalk_server.client import Client
from imagintalk_server.protocol import DONE, ClipRequest
from imagintalk_server.settings import FACES, PIPELINE, Backend, Settings
from imagintalk_server.worker import Worker

_TESTS = Path(__file__).resolve().parents[1] / "tests" / "server"
sys.path.insert(0, str(_TESTS))
os.environ["PYTHONPATH"] = f"{_TESTS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"

from kills import kill_at_random  # noqa: E402 - found through the line above
from pipelines import STEP_S, speech_of  # noqa: E402
from rubbish import attack, attacks  # noqa: E402
from served import Served, ask, wait_for  # noqa: E402

SEED = 7
SPEECH = "imagining the speech"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    least: str
    aim: str
    measured: str


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the others do not exceed."""
    return sorted(values)[min(round(share * len(values)), len(values) - 1)]


def ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"


@contextmanager
def real_worker(folder: Path) -> Any:
    """A client of a worker with the shipped model, loaded."""
    worker = Worker(Settings(Backend(PIPELINE, ("", "auto")), FACES, folder / "real"))
    worker.start()
    try:
        with Client(worker.address) as client:
            client.preload()
            wait_for(lambda: client.hello().device != "not loaded", 300)
            yield client
    finally:
        worker.stop()


def overhead(folder: Path, clip: Path) -> Row:
    """From submit to the result in hand, less what the pipeline took of it in the same job."""
    extra, walls = [], []
    with real_worker(folder) as client:
        client.wait(client.submit(ClipRequest(str(clip), seed=1000)))  # backends are loaded at their first use
        for seed in range(10):
            began = time.perf_counter()
            job = client.wait(client.submit(ClipRequest(str(clip), seed=seed))).id
            result = client.result(job)
            walls.append(time.perf_counter() - began)
            extra.append(walls[-1] - result.seconds)
    measured = (
        f"{ms(statistics.median(extra))} (largest of 10: {ms(max(extra))}; a job {statistics.median(walls):.2f} s)"
    )
    return Row("overhead of a job over the pipeline alone, 3 s clip, real", "≤ 150 ms", "≤ 30 ms", measured)


def hello(folder: Path, clip: Path) -> Row:
    """Round trips while real jobs keep the child busy."""
    times: list[float] = []
    with real_worker(folder) as client:
        jobs = client.submit_batch([ClipRequest(str(clip), seed=seed) for seed in range(100)])
        while len(times) < 2000:
            began = time.perf_counter()
            client.hello()
            times.append(time.perf_counter() - began)
            time.sleep(0.005)
        done = sum(client.job(job).state == DONE for job in jobs)
        for job in jobs:
            client.cancel(job)
    measured = f"{ms(percentile(times, 0.99))} (median {ms(statistics.median(times))}, {done} jobs done meanwhile)"
    return Row("hello while a job runs, p99 of 2000, real", "≤ 50 ms", "≤ 10 ms", measured)


def cancel(folder: Path, clip: Path) -> Row:
    """From the call to the event, with the real sampler and, oftener, with the fake one."""
    with real_worker(folder) as client:
        client.wait(client.submit(ClipRequest(str(clip), seed=1000)))
        done = client.wait(client.submit(ClipRequest(str(clip), seed=1001)))
        report = json.loads(Path(client.result(done.id).report.path).read_text())
        step = report["timings_s"][SPEECH] / _steps()
        real = cancels(client, clip, 30, ClipRequest(str(clip)))
    served = Served(folder / "fake")
    with Client(served.address) as client:
        fake = cancels(client, clip, 200, ask(clip, "slow", steps=500))
    served.kill()
    measured = (
        f"{ms(percentile(real, 0.99))} of 30, a step {ms(step)}; fake: {ms(percentile(fake, 0.99))} of 200,"
        f" a step {ms(STEP_S)}"
    )
    return Row("cancel to cancelled, p99", "≤ 1 step + 100 ms", "", measured)


def _steps() -> int:
    """Of the shipped model, with the last denoise."""
    from imagintalk.models import ModelStore, find_model

    return ModelStore(find_model()).config.diffusion.steps + 1


def cancels(client: Client, clip: Path, count: int, request: ClipRequest) -> list[float]:
    """Seconds of each, at random moments of the sampler."""
    from dataclasses import replace

    chance, times = random.Random(SEED), []
    for seed in range(count):
        job = client.submit(replace(request, seed=2000 + seed))
        wait_for(lambda job=job: client.job(job).stage == SPEECH, 300)
        time.sleep(chance.random() * 0.2)
        began = time.perf_counter()
        client.cancel(job)
        if client.wait(job).state == "cancelled":
            times.append(time.perf_counter() - began)
    return times


def throughput(folder: Path, clip: Path) -> Row:
    """Eight client processes, each submitting one by one, then waiting for its own."""
    told = {}
    for way in ("one by one", "in batches"):
        served = Served(folder / way)
        with Client(served.address) as client:
            client.wait(client.submit(ask(clip, seed=10**6)))
            with ProcessPoolExecutor(8, mp_context=get_context("spawn")) as pool:
                list(pool.map(_warm, [served.address] * 8))
                began = time.perf_counter()
                each = list(pool.map(_submit_and_wait, [(served.address, str(clip), n, way) for n in range(8)]))
                took = time.perf_counter() - began
            ids = [job for jobs in each for job in jobs]
            seen = {job.id: job for job in client.jobs(1000)}
            right = sum(
                Path(client.result(job).takes[0].path).read_bytes() == speech_of(clip, seed)
                for job, seed in zip(ids, range(1000), strict=True)
            )
            lost, doubled = 1000 - right, len(ids) - len(set(ids)) + abs(len(seen) - 1000)
        served.kill()
        told[way] = f"{1000 / took:.0f} jobs/s {way}, {lost} lost, {doubled} doubled"
    return Row("1000 queued jobs, 8 clients", "none lost, none doubled", "≥ 500 jobs/s", "; ".join(told.values()))


def _warm(address: Address) -> None:
    with Client(address) as client:
        client.hello()


def _submit_and_wait(order: tuple[Address, str, int, str]) -> list[int]:
    address, clip, number, way = order
    requests = [ask(Path(clip), seed=125 * number + n) for n in range(125)]
    with Client(address) as client:
        jobs = client.submit_batch(requests) if way == "in batches" else [client.submit(r) for r in requests]
        if any(job.state != DONE for job in client.wait_all(jobs)):
            raise AssertionError("a job failed")
    return jobs


def kills(folder: Path, clip: Path) -> Row:
    """`tests/server/kills.py` at full size."""
    told = kill_at_random(folder, kills=200, seed=SEED)
    measured = (
        f"{told.lost} lost, {told.doubled} doubled, {told.left} left of {told.jobs} jobs"
        f" ({told.done} done, {told.failed} failed with their child)"
    )
    return Row("kill -9 at 200 random moments (child, parent, both)", "no take lost, queue empties", "", measured)


def memory(folder: Path, clip: Path) -> Row:
    """Resident bytes of the parent after 2000 jobs and after 12 000."""
    served = Served(folder / "memory")
    with Client(served.address) as client:
        seen = []
        for thousand in range(12):
            requests = [ask(clip, seed=1000 * thousand + n) for n in range(1000)]
            client.wait_all(client.submit_batch(requests))
            seen.append(psutil.Process(served.process.pid).memory_info().rss / 2**20)
    served.kill()
    measured = f"{seen[1]:.1f} MB after 2000, {seen[-1]:.1f} MB after 12 000: {seen[-1] - seen[1]:+.1f} MB"
    return Row("parent's memory over 10 000 jobs", "flat within 10 MB", "", measured)


def rubbish(folder: Path, clip: Path) -> Row:
    """10 000 connections made by Hypothesis, a good client beside them."""
    served = Served(folder / "rubbish")
    process = psutil.Process(served.process.pid)
    count, times = 0, list[float]()
    with Client(served.address) as good:
        job = good.submit(ask(clip, "slow", steps=10**6))
        before = process.num_fds()

        @hypothesis_settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(attacks)
        def bombard(one: tuple[str, bytes]) -> None:
            nonlocal count
            attack(served.address, *one)
            count += 1
            if count % 10 == 0:
                began = time.perf_counter()
                good.hello()
                times.append(time.perf_counter() - began)

        bombard()
        running = good.job(job).state == "running"
        time.sleep(1)
        leaked = process.num_fds() - before
    served.kill()
    measured = (
        f"{count}: alive, its job {'still runs' if running else 'STOPPED'}, {leaked} handles more, the good client's"
        f" hello p99 {ms(percentile(times, 0.99))}"
    )
    return Row("rubbish: 10 000 fuzzed connections", "no crash, no leak, a good client stays served", "", measured)


def batching(folder: Path, clip: Path) -> Row:
    """Seconds of the sampler for each clip, when 1, 2, 4 go through the network at once, least of three.

    Takes of one clip stand for clips: for the network they are a batch of equal length and with conditions each, which
    is the best that clips that wait together can be.
    """
    from imagintalk import Pipeline

    pipeline = Pipeline.load()
    pipeline.dub(clip)
    each, whole = {}, 0.0
    for count in (1, 2, 4):
        timings = [pipeline.dub(clip, seed=10 * n, takes=count).timings_s for n in range(3)]
        each[count] = min(timing[SPEECH] for timing in timings) / count
        if count == 1:
            whole = min(sum(timing.values()) for timing in timings)
    told = ", ".join(f"{count}: {seconds:.2f} s" for count, seconds in each.items())
    saved = (each[1] - each[4]) / whole
    measured = f"{told}; four together save {saved:.0%} of a job's {whole:.1f} s, on the {pipeline.parts.device.type}"
    return Row("sampler, seconds a clip, of 1, 2, 4 clips at once, real", "built if it pays", "", measured)


ROWS: dict[str, Callable[[Path, Path], Row]] = {
    row.__name__: row for row in (overhead, hello, cancel, throughput, kills, memory, rubbish, batching)
}


def drawn_clip(folder: Path) -> Path:
    """A talking head of three seconds."""
    from imagintalk.drawn.render import draw_clip
    from imagintalk.drawn.sentence import sample_sentences

    path = folder / "clip.mp4"
    draw_clip(sample_sentences(1, "test", 0)[0], 0, path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help=f"of {', '.join(ROWS)} (default: all)")
    options = parser.parse_args()
    print("| what | at least | aim | measured |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        clip = drawn_clip(Path(folder))
        for name in options.rows or ROWS:
            place = Path(folder) / name
            place.mkdir()
            row = ROWS[name](place, clip)
            print(f"| {row.what} | {row.least} | {row.aim} | {row.measured} |", flush=True)


if __name__ == "__main__":
    main()

"""Two nodes of a real Ray cluster on this machine, and what becomes of the work when one dies."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from pipelines import speech_of
from served import Start, ask, wait_for

from imagintalk.errors import WorkerError
from imagintalk_server.client import Client
from imagintalk_server.protocol import DONE, RUNNING

ray = pytest.importorskip("ray", reason="the extra `cluster` is not installed")


@pytest.fixture
def cluster() -> Iterator[Any]:
    """One node; the test adds the other."""
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield found
    ray.shutdown()
    found.shutdown()


def test_all_clips_come_back_though_a_machine_dies(cluster: Any, start: Start, tmp_path: Path) -> None:
    second = cluster.add_node(num_cpus=1)
    clips = [tmp_path / f"{number}.mp4" for number in range(20)]
    for number, clip in enumerate(clips):
        clip.write_bytes(f"pictures {number}".encode())
    worker = start(cluster=cluster.address)
    with Client(worker.address) as client:
        wait_for(lambda: len(worker.lanes) == 2 and all(lane.state == "idle" for lane in worker.lanes), 180)
        jobs = client.submit_batch([ask(clip, "slow", seed=number, steps=20) for number, clip in enumerate(clips)])
        wait_for(lambda: len(client.jobs(20, (RUNNING,))) == 2 and client.jobs(20, (DONE,)), 90)
        cluster.remove_node(second, allow_graceful=False)
        done = client.wait_all(jobs)
        assert [job.state for job in done] == [DONE] * 20, [job.reason for job in done if job.reason]
        for number, (clip, job) in enumerate(zip(clips, jobs, strict=True)):
            assert Path(client.result(job).takes[0].path).read_bytes() == speech_of(clip, number)
        assert any("died" in note for job in done for note in job.notes)
        wait_for(lambda: len(worker.lanes) == 1)
        running = client.submit(ask(clips[0], "slow", seed=99, steps=1000))
        wait_for(lambda: client.job(running).stage == "imagining the speech")
        client.cancel(running)
        assert client.wait(running).state == "cancelled"
        worker.stop()


def test_a_cluster_that_is_not_there_is_told(start: Start) -> None:
    with pytest.raises(WorkerError, match="cannot be joined"):
        start(cluster="auto")


def test_a_cluster_is_reached_through_its_client_port(start: Start, clip: Path) -> None:
    """ray://, as from a machine that is no node of it."""
    port = free_port()
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=1"]
    ports = [f"--port={free_port()}", f"--ray-client-server-port={port}", "--include-dashboard=false"]
    head = psutil.Popen([*command, *ports, "--disable-usage-stats"], stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: _listens(port), 120)
        worker = start(cluster=f"ray://127.0.0.1:{port}")
        with Client(worker.address) as client:
            jobs = client.submit_batch([ask(clip, "slow", seed=seed) for seed in range(3)])
            assert [job.state for job in client.wait_all(jobs)] == [DONE] * 3
            for seed, job in enumerate(jobs):
                assert Path(client.result(job).takes[0].path).read_bytes() == speech_of(clip, seed)
        worker.stop()
    finally:
        ray.shutdown()
        for process in (*head.children(recursive=True), head):
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])

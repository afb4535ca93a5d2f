"""`imagintalk worker`, `batch` and `dub --worker` as a user runs them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
import soundfile
from pipelines import speech_of
from served import Start, ask, wait_for

from imagintalk.cli import build_parser, main
from imagintalk.errors import ImaginTalkError
from imagintalk.provenance import STATEMENT, sha256_of
from imagintalk_server.batch import Batch, find_items
from imagintalk_server.client import Client
from imagintalk_server.daemon import words_of
from imagintalk_server.protocol import CANCELLED, DONE, ClipRequest
from imagintalk_server.settings import FACES, PIPELINE, Backend
from imagintalk_server.worker import Worker


def cli(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "imagintalk", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def state(worker: Worker) -> Path:
    return worker.settings.state


def test_a_worker_is_started_in_the_background_asked_and_stopped(tmp_path: Path) -> None:
    state = tmp_path / "state"
    started = cli("worker", "start", "--background", "--state", state)
    assert started.returncode == 0, started.stderr
    try:
        told = json.loads(cli("worker", "status", "--json", "--state", state).stdout)
        assert f"process {told['pid']}" in started.stdout
        assert (told["queued"], told["running"], told["lanes"]) == (0, 0, ["local: not loaded"])
        again = cli("worker", "start", "--state", state)
        assert (again.returncode, len(again.stderr.splitlines())) == (2, 1)
        assert "already running" in again.stderr
    finally:
        stopped = cli("worker", "stop", "--state", state)
    assert stopped.returncode == 0, stopped.stderr
    lines = [json.loads(line) for line in cli("worker", "logs", "-n", "100", "--state", state).stdout.splitlines()]
    assert lines[0]["event"] == "started"
    assert lines[-1]["event"] == "stopped"
    gone = cli("worker", "status", "--state", state)
    assert gone.returncode == 2
    assert gone.stderr.startswith("imagintalk: no worker runs in")


def test_a_worker_behind_tls_is_asked_and_stopped_from_its_own_machine(tmp_path: Path) -> None:
    state, made = tmp_path / "state", tmp_path / "made"
    assert main(["worker", "certificates", "-o", str(made), "--host", "worker.example", "--state", str(state)]) == 0
    door = ["--listen", "0.0.0.0:0", "--certificates", made / "server"]
    started = cli("worker", "start", "--background", *door, "--state", state)
    assert started.returncode == 0, started.stderr
    told = cli("worker", "status", "--state", state)
    assert cli("worker", "stop", "--state", state).returncode == 0
    assert "0.0.0.0:" in told.stdout, told.stderr


def test_status_jobs_cancel_and_forget(
    client: Client, state: Path, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = client.wait(client.submit(ask(clip, "exits"))).id
    running = client.submit(ask(clip, "slow", steps=2000))
    wait_for(lambda: client.job(running).stage)
    assert main(["worker", "status", "--state", str(state)]) == 0
    assert "0 queued, 1 running" in capsys.readouterr().out
    assert main(["worker", "jobs", "--state", str(state)]) == 0
    shown = capsys.readouterr().out
    assert "exit code 3" in shown
    assert re.search(rf"{running}  .*running \d+%", shown)
    assert main(["worker", "cancel", str(running), "--state", str(state)]) == 0
    assert client.wait(running).state == "cancelled"
    assert main(["worker", "forget", str(failed), "--state", str(state)]) == 0
    assert main(["worker", "cancel", str(failed), "--state", str(state)]) == 2
    assert f"no job {failed}" in capsys.readouterr().err
    assert main(["worker", "jobs", "--json", "--state", str(state)]) == 0
    assert [job["id"] for job in json.loads(capsys.readouterr().out)] == [running]


def test_prometheus_can_read_the_metrics(
    client: Client, state: Path, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client.wait(client.submit(ask(clip)))
    assert main(["worker", "status", "--prometheus", "--state", str(state)]) == 0
    text = capsys.readouterr().out
    sample = re.compile(r'(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"\})? [\d.e+]+)')
    assert all(sample.fullmatch(line) for line in text.splitlines())
    assert 'imagintalk_events_total{what="done"} 1' in text
    assert "imagintalk_queued_jobs 0" in text


def test_the_log_has_a_line_of_each_job_event(start: Start, clip: Path, tmp_path: Path) -> None:
    from imagintalk_server.logs import LOGGER, set_up_logs

    try:
        set_up_logs(tmp_path, screen=False)
        with Client(start().address) as client:
            job = client.wait(client.submit(ask(clip, "slow"))).id
    finally:
        for handler in LOGGER.handlers[:]:
            LOGGER.removeHandler(handler)
            handler.close()
        LOGGER.propagate = True
    lines = [json.loads(line) for line in (tmp_path / "worker.log").read_text().splitlines()]
    assert [line["state"] for line in lines if line["event"] == "job" and line["id"] == job] == [
        "queued", "running", "done",
    ]  # fmt: skip


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    folder = tmp_path / "footage"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.mp4").write_bytes(f"pictures of {name}".encode())
    (folder / "notes.txt").write_text("not a clip")
    return folder


@pytest.fixture
def batch(state: Path, tmp_path: Path) -> Iterator[object]:
    def run(*clips: object, more: tuple[str, ...] = ()) -> int:
        out = tmp_path / "out"
        return main(["batch", *map(str, clips), "-o", str(out), "--state", str(state), *more])

    return run  # type: ignore[return-value]


def test_a_batch_dubs_a_folder_and_goes_on_where_it_stopped(
    batch,
    worker: Worker,
    footage: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],  # noqa: ANN001
) -> None:
    assert batch(footage) == 0
    assert capsys.readouterr().out == "3 dubbed, 0 there already, 0 failed\n"
    out = tmp_path / "out"
    for name in "abc":
        assert (out / f"{name}.wav").read_bytes() == speech_of(footage / f"{name}.mp4", 0)
    (out / "b.wav").unlink()
    before = worker.jobs.counts["submitted"]
    assert batch(footage) == 0
    assert capsys.readouterr().out == "1 dubbed, 2 there already, 0 failed\n"
    assert worker.jobs.counts["submitted"] == before + 1
    assert batch(footage, more=("--seed", "5")) == 0
    assert (out / "a.wav").read_bytes() == speech_of(footage / "a.mp4", 5)


@pytest.mark.parametrize("during", ["submit", "wait"])
def test_a_batch_that_is_interrupted_leaves_no_job_behind(
    worker: Worker, footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, during: str
) -> None:
    base = ClipRequest(path="", emotion="slow", steps=500)
    items = list(find_items([str(footage)], tmp_path, base))
    with Client(worker.address) as client:
        plain, calls = getattr(client, during), 0

        def interrupted(*values: object) -> object:
            nonlocal calls
            calls += 1
            if during == "wait" or calls == 3:
                raise KeyboardInterrupt
            return plain(*values)

        monkeypatch.setattr(client, during, interrupted)
        with pytest.raises(KeyboardInterrupt):
            Batch(client, tmp_path / "record").run(items)
        monkeypatch.undo()
        states = [job.state for job in client.wait_all([job.id for job in client.jobs()])]
    assert states == [CANCELLED] * (2 if during == "submit" else 3)
    assert not list(tmp_path.glob("*.wav"))


def test_a_batch_tells_each_failure_in_a_line(
    batch,
    footage: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],  # noqa: ANN001
) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text("clip,emotion,output\nfootage/a.mp4,raises,one\nfootage/b.mp4,,two\nfootage/gone.mp4,,\n")
    assert batch(listed) == 1
    told = capsys.readouterr()
    assert told.out == "1 dubbed, 0 there already, 2 failed\n"
    assert [line.split("/")[-1].split(":")[0] for line in told.err.splitlines()] == ["gone.mp4", "a.mp4"]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.wav")) == ["two.wav"]


def test_a_list_names_its_outputs_and_a_wrong_line_is_one_failure(
    batch,
    footage: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],  # noqa: ANN001
) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text(
        "clip,start,output\nfootage/a.mp4,,shot/1.2\nfootage/b.mp4,,shot/1.3.wav\n"
        "footage/b.mp4,soon,x\nfootage/c.mp4,,../../c\n"
    )
    assert batch(listed) == 1
    told = capsys.readouterr()
    assert told.out == "2 dubbed, 0 there already, 2 failed\n"
    assert "line 4: could not convert string to float: 'soon'" in told.err
    assert "line 5: output ../../c: expected a name within" in told.err
    out = tmp_path / "out"
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.wav")) == ["shot/1.2.wav", "shot/1.3.wav"]
    assert batch(listed) == 1
    assert capsys.readouterr().out == "0 dubbed, 2 there already, 2 failed\n"
    listed.write_text("clip,start\nfootage/a.mp4,0,1\n")
    assert batch(listed) == 2
    assert "line 2: expected at most 2 cells" in capsys.readouterr().err


def test_a_batch_leaves_what_others_made_and_tells_what_was_odd(
    batch,
    footage: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],  # noqa: ANN001
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.wav").write_text("mine")
    assert batch(footage, more=("--emotion", "notes")) == 1
    told = capsys.readouterr()
    assert told.out == "2 dubbed, 0 there already, 1 failed\n"
    assert "a.mp4: " in told.err
    assert "no batch made it" in told.err
    assert "b.mp4: the lips are drawn" in told.err
    assert (out / "a.wav").read_text() == "mine"


def test_a_batch_whose_worker_goes_away_still_sums_up(
    worker: Worker, footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = list(find_items([str(footage)], tmp_path, ClipRequest("", emotion="slow", steps=500)))
    monkeypatch.setattr("imagintalk_server.client._AWAY_S", 0.5)
    with Client(worker.address) as client:
        timer = threading.Timer(0.5, worker.stop)
        timer.start()
        told = Batch(client, tmp_path / "record").run(items)
        timer.join()
    assert (told.dubbed, len(told.failures)) == (0, 3)
    assert "no answer from the worker" in told.failures[0][1]


def test_the_command_in_the_background_is_the_one_that_was_given(tmp_path: Path) -> None:
    given = ["worker", "start", "--listen", "127.0.0.1:7861", "--idle", "3.0", "--cache", "2.0", "--device", "cpu"]
    given += ["--state", str(tmp_path), "--model", "small", "--root", str(tmp_path)]
    parser = build_parser()
    again = parser.parse_args(words_of(parser.parse_args([*given, "--background"])))
    assert vars(again) | {"run": None} == vars(parser.parse_args(given)) | {"run": None}


def test_a_clip_is_not_taken_for_a_worker(
    talking_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["dub", "--worker", str(talking_clip), "-o", str(tmp_path / "a.wav")])
    assert "put --worker alone behind the clip" in capsys.readouterr().err


def test_a_batch_finds_patterns_and_refuses_two_of_a_name(footage: Path, tmp_path: Path) -> None:
    base = ClipRequest("")
    found = list(find_items([str(footage / "[ab].mp4"), str(footage / "c.mp4")], tmp_path, base))
    assert [item.outputs[0].name for item in found] == ["a.wav", "b.wav", "c.wav"]
    for words in ([str(footage / "x*.mp4")], [str(footage / "gone.csv")]):
        with pytest.raises(ImaginTalkError):
            list(find_items(words, tmp_path, base))


def test_two_clips_for_one_file_are_refused(batch, footage: Path, tmp_path: Path) -> None:  # noqa: ANN001
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.mp4").write_bytes(b"another a")
    assert batch(footage, other) == 2
    assert not (tmp_path / "out").exists()


def test_dub_by_the_worker_is_dub_itself(
    start: Start, tiny_model: Path, talking_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = start(backend=Backend(PIPELINE, (str(tiny_model), "cpu")), faces=FACES, model=str(tiny_model))
    state = ["--worker", "--state", str(worker.settings.state)]
    common = ["dub", str(talking_clip), "--end", "0.4", "--emotion", "happy", "--guidance", "joint=1.2,emotion=0.5"]
    here, there, report = (tmp_path / name for name in ("here.wav", "there.wav", "report.json"))
    assert main([*common, "-o", str(here), "--model", str(tiny_model), "--device", "cpu"]) == 0
    assert main([*common, "-o", str(there), "--report", str(report), "--model", str(tiny_model), *state]) == 0
    one, other = (soundfile.read(path, dtype="int16")[0].astype(int) for path in (here, there))
    # Not to the last bit: how many threads a sum is shared out to depends on what else the process and machine do.
    assert abs(one - other).max() <= 2
    assert json.loads(report.read_text())["samples"] == len(one) == 9600
    video = tmp_path / "dubbed.mp4"
    assert main([*common, "-o", str(video), "--sidecar", *state]) == 0
    told = json.loads((tmp_path / "dubbed.mp4.json").read_text())
    assert (told["file_sha256"], told["clip_sha256"]) == (sha256_of(video), sha256_of(talking_clip))
    for path in (there, video):  # what the worker made says how, and so does what is made of it
        with av.open(str(path)) as reader:
            assert reader.metadata["comment"].startswith(STATEMENT)
            assert json.dumps(told["model_sha256"]) in reader.metadata["comment"]
    with Client(worker.address) as client:
        assert [job.cached for job in client.jobs()] == [True, False]
        assert client.jobs()[0].state == DONE
        faces = client.faces(str(talking_clip), 0.0, 0.4)
    assert [face.index for face in faces] == [0]
    assert faces[0].right > faces[0].left > 0
    assert faces[0].thumbnail[:2] == b"\xff\xd8"
    capsys.readouterr()
    for wrong, words in (
        (["--emotion", "grumpy"], "grumpy"),
        (["--model", "small"], "the worker has"),
        (["--device", "cuda"], "start it with --device"),
        (["--adapter", "anna.safetensors"], "the worker takes none"),
        (["--start", "99"], "lies outside"),
    ):
        lost = tmp_path / "lost.wav"
        assert main(["dub", str(talking_clip), "-o", str(lost), *state, *wrong]) == 2
        told = capsys.readouterr().err
        assert (len(told.splitlines()), words in told) == (1, True), told
        assert not lost.exists()
    out = tmp_path / "out"
    asked = ["batch", str(talking_clip), "-o", str(out), "--steps", "2", "--state", str(worker.settings.state)]
    assert main(asked) == 0
    assert main([*asked, "--sidecar"]) == 0
    told = json.loads((out / "talking.wav.json").read_text())
    assert told["file_sha256"] == sha256_of(out / "talking.wav")
    assert (told["statement"], told["clip_sha256"]) == (STATEMENT, sha256_of(talking_clip))


def test_dub_without_a_worker_says_how_to_start_one(tmp_path: Path, talking_clip: Path) -> None:
    told = cli("dub", talking_clip, "-o", tmp_path / "a.wav", "--worker", "--state", tmp_path)
    assert told.returncode == 2
    assert "imagintalk worker start" in told.stderr


def test_certificates_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = ["worker", "certificates", "-o", str(tmp_path / "made"), "--host", "127.0.0.1", "--state", str(tmp_path)]
    assert main(made) == 0
    assert (tmp_path / "made" / "client" / "token").read_text() == (tmp_path / "token").read_text()
    assert main(made) == 2
    assert "is there already" in capsys.readouterr().err

"""A lane: one thread that takes jobs from the queue and has one runner work on them, come what may."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imagintalk.errors import ImaginTalkError

from .jobs import Jobs, LiveJob
from .logs import fault, note, warn
from .process import Runner, RunnerGone
from .settings import Settings

_WATCH_S = 0.25
"""Between two looks at the runner's memory and silence."""

_OBEYS_S = 15.0
"""A runner that goes on with a cancelled job for longer, because it hangs or still loads the model, is killed."""

_ATTEMPTS = itertools.count(1)
"""A folder for each try, since what still works on an earlier one may write there; the worker starts with none."""

NOT_LOADED, IDLE = "not loaded", "idle"


class _Stuck(Exception):
    """The runner must be killed; the text says why."""


class _Leaving(Exception):
    """The lane was told to stop."""


class Lane:
    """One runner and its thread."""

    def __init__(
        self,
        name: str,
        jobs: Jobs,
        runner: Runner,
        settings: Settings,
        unchanged: Callable[[LiveJob], bool],
        memory_bytes: int,
    ) -> None:
        """unchanged: whether a job's files still are what they were when it came, or a result would be kept under a
        wrong name. memory_bytes: most that the runner may hold.
        """
        self._unchanged = unchanged
        self.name, self.device = name, NOT_LOADED
        self.gpu_memory: tuple[int, int] | None = None
        """Bytes used and there of the GPU's memory; None: there is none, or the model is not loaded."""
        self._jobs, self._runner, self._settings, self._memory_bytes = jobs, runner, settings, memory_bytes
        self._work = settings.state / "work"
        self._work.mkdir(exist_ok=True)
        self._stopping = threading.Event()
        self._wanted = threading.Event()
        """Somebody asked for the model to be loaded ahead."""
        self.running: int | None = None
        self._used = time.monotonic()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)

    @property
    def state(self) -> str:
        """In words, for the status."""
        if self.running is not None:
            return f"running job {self.running}"
        return IDLE if self._runner.alive else NOT_LOADED

    def start(self) -> None:
        """Begin to take jobs."""
        self._thread.start()

    def preload(self) -> None:
        """Load the model ahead of the next job."""
        self._wanted.set()

    def stop(self) -> None:
        """Take no more jobs; what runs is killed and stays `running` in the journal."""
        self._stopping.set()
        self._runner.end()
        self._thread.join(timeout=10)
        self._runner.kill()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            live = None
            try:
                if self._runner.keeps_job and not self._ready():
                    continue
                live = self._jobs.take(timeout_s=1.0)
                if live is not None:
                    self._run(live)
                    self._used = time.monotonic()
                else:
                    self._rest()
            except Exception:  # noqa: BLE001 - the queue must go on
                fault("lane", lane=self.name)
                self._drop()
                if live is not None:
                    with contextlib.suppress(Exception):
                        self._jobs.fail(live, "fault of the worker; its log tells more")
                self._stopping.wait(1.0)

    def _ready(self) -> bool:
        """Whether the runner is there, started if need be: a machine of a cluster that is going takes no job."""
        try:
            if not self._runner.alive:
                self._start()
            return True
        except RunnerGone as gone:
            self._drop()
            warn("no actor", lane=self.name, reason=str(gone))
            self._stopping.wait(1.0)
            return False

    def _rest(self) -> None:
        """Nothing to do: load ahead, or unload what is not used."""
        try:
            if self._wanted.is_set():
                self._wanted.clear()
                self._used = time.monotonic()
                if not self._runner.alive:
                    self._start()
                self._runner.send(("load",))
            message = self._runner.receive(0) if self._runner.alive else None
        except RunnerGone as gone:
            self._drop()
            warn("child lost", lane=self.name, reason=str(gone))
            return
        if message is not None:
            self._heard(message)
        if not self._runner.alive:
            if self.device != NOT_LOADED:
                warn("child lost", lane=self.name, reason="it ended while it had nothing to do")
            self._drop()
        elif self.device != NOT_LOADED and time.monotonic() - self._used > self._settings.idle_unload_s:
            self._drop()
            note("unloaded", lane=self.name)

    def _start(self) -> None:
        self._runner.start()
        note("child started", lane=self.name)

    def _drop(self) -> None:
        self._runner.kill()
        self.device, self.gpu_memory = NOT_LOADED, None

    def _run(self, live: LiveJob) -> None:
        job = live.row.id
        folder = self._work / f"{job}-{next(_ATTEMPTS)}"
        folder.mkdir(mode=0o700)
        self.running = job
        try:
            if not self._runner.alive:
                self._start()
            live.cancel = self._canceller(job)
            self._runner.send(("run", job, live.request.pack(), live.row.path, live.row.voice, str(folder)))
            if live.cancelling:  # it came between `take` and here
                live.cancel()
            self._follow(live, folder)
        except RunnerGone as gone:
            self._lost(live, str(gone))
        except ImaginTalkError as error:  # of the user's making, before the work began
            self._jobs.fail(live, str(error))
        except _Stuck as stuck:
            self._lost(live, str(stuck))
        except _Leaving:
            self._drop()
            if not self._jobs.closed:  # else the journal starts the job again with the next worker
                self._jobs.put_back(live, "its machine left")
        finally:
            self.running = None
            if folder.exists():
                shutil.rmtree(folder, ignore_errors=True)

    def _canceller(self, job: int) -> Callable[[], None]:
        def cancel() -> None:
            with contextlib.suppress(RunnerGone):  # then its end is told anyway
                self._runner.send(("cancel", job))

        return cancel

    def _lost(self, live: LiveJob, reason: str) -> None:
        """The runner went away, or was sent away, while it worked on a job."""
        self._drop()
        if live.cancelling:
            self._jobs.stopped(live)
            return
        if self._jobs.closed:
            return  # the worker stops: the journal starts the job again with the next one
        self._jobs.counts["crashes"] += 1
        warn("child lost", lane=self.name, job=live.row.id, reason=reason)
        if self._runner.keeps_job:
            self._jobs.put_back(live, reason, crashed=True)
        else:
            self._jobs.fail(live, reason, crashed=True)

    def _follow(self, live: LiveJob, folder: Path) -> None:
        """Listen to the runner until the job is over. Raises RunnerGone, _Stuck, _Leaving."""
        heard = watched = time.monotonic()
        told_to_stop: float | None = None
        while True:
            if self._stopping.is_set():  # `stop` may have come before the runner that it ends was there
                raise _Leaving
            message = self._runner.receive(_WATCH_S)
            now = time.monotonic()
            if message is not None:
                heard = now
                if self._over(live, folder, message):
                    return
            elif now - heard > self._settings.silence_s:
                raise _Stuck(f"it hung: no sign of life for {self._settings.silence_s:g} s")
            if live.cancelling:
                told_to_stop = told_to_stop or now
                if now - told_to_stop > _OBEYS_S:
                    raise _Stuck("it did not stop when it was told to")
            if now - watched >= _WATCH_S:
                watched = now
                self._check_memory()

    def _check_memory(self) -> None:
        held = self._runner.memory_bytes()
        if held > self._memory_bytes:
            raise _Stuck(
                f"out of memory: it took {held / 2**20:.0f} MB, at most {self._memory_bytes / 2**20:.0f} are allowed;"
                " dub a shorter range"
            )

    def _over(self, live: LiveJob, folder: Path, message: tuple[Any, ...]) -> bool:
        """Act on a message; whether the job is over."""
        kind, *rest = message
        if kind in ("loaded", "gpu") or not rest or rest[0] != live.row.id:
            self._heard(message)
            return False
        if kind == "progress":
            self._jobs.progress(live, str(rest[1]), float(rest[2]))
        elif kind == "note":
            note("job note", job=live.row.id, note=str(rest[1]))
        elif kind == "done":
            if self._unchanged(live):
                self._jobs.finish(live, folder, json.loads(rest[1]))
            else:
                self._jobs.fail(live, "the clip or the voice changed meanwhile; submit it again")
            return True
        elif kind == "failed":
            self._jobs.fail(live, str(rest[1]))
            return True
        elif kind == "cancelled":
            self._jobs.stopped(live)
            return True
        elif kind == "exhausted":
            raise _Stuck(str(rest[1]))
        else:
            raise _Stuck("the working process sent rubbish")
        return False

    def _heard(self, message: tuple[Any, ...]) -> None:
        if message[0] == "loaded":
            self.device, self._used = str(message[1]), time.monotonic()
            note("loaded", lane=self.name, device=self.device)
        elif message[0] == "gpu":
            self.gpu_memory = int(message[1]), int(message[2])

"""From a request to a job: which files it means, whether it may, and what its result depends on."""

from __future__ import annotations

import hashlib
import json
import math
import os
import threading
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

from imagintalk.errors import WorkerError
from imagintalk.provenance import sha256_of

from .jobs import Prepared
from .protocol import BATCH, CLICK, UPLOADED, ClipRequest
from .security import allowed_file
from .settings import Limits
from .uploads import Uploads

_DIGESTS_KEPT = 1024
_LONGEST_WORD = 4096
_WHOLE_BYTES = 2**28
"""A longer file is not read whole to tell it from others."""
_PIECES, _PIECE_BYTES = 64, 2**18


class Intake:
    """Checks requests. Safe for threads."""

    def __init__(
        self, uploads: Uploads, roots: tuple[Path, ...], model_sha256: str, voices: tuple[str, ...], limits: Limits
    ) -> None:
        self._uploads, self._roots, self._model, self._limits = uploads, roots, model_sha256, limits
        self._words = {"auto", *voices}
        self._digests: OrderedDict[tuple[object, ...], str] = OrderedDict()
        self._lock = threading.Lock()

    def prepare(self, request: ClipRequest, local: bool) -> Prepared:
        """local: the client is on this machine. Raises WorkerError."""
        _check(request, self._limits)
        path = str(self.find(request.path, local))
        voice = request.voice if request.voice in self._words else str(self.find(request.voice, local))
        return Prepared(request, path, voice, *self.content_of(request, path, voice))

    def content_of(self, request: ClipRequest, path: str, voice: str) -> tuple[str, str]:
        """Digests of the clip's bytes and range, and of all that the result depends on. Raises WorkerError."""
        clip = f"{self._digest(Path(path))} {request.start_s} {request.end_s} {request.times}"
        heard = voice if voice in self._words else self._digest(Path(voice))
        # What the clip is called, who asks first and under which name makes no other sound.
        asked = replace(request, path="", priority=0, key="", voice="")
        depends = json.dumps([clip, heard, asked.pack(), self._model])
        return clip, hashlib.sha256(depends.encode()).hexdigest()

    def find(self, path: str, local: bool) -> Path:
        """The file that a client means. Raises WorkerError: not there, or it may not name it."""
        if path.startswith(UPLOADED):
            return self._uploads.find(path)
        return allowed_file(path, self._roots, local)

    def _digest(self, path: Path) -> str:
        """What tells a file from others, remembered until the file changes: the SHA-256 of all of it; of a long one
        that of its date and of pieces spread over it, because the client waits and footage comes in hundreds of GB.

        Of the file and not of the range alone: a cut that changes only elsewhere is dubbed anew, but telling which
        bytes belong to a range takes a demuxer, and the parent lets no demuxer near a stranger's file.
        """
        try:
            facts = path.stat()
            known = (path, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
            with self._lock:
                if known in self._digests:
                    self._digests.move_to_end(known)
                    return self._digests[known]
            found = sha256_of(path) if facts.st_size <= _WHOLE_BYTES else _sampled(path, facts)
        except OSError as error:
            raise WorkerError(f"{path}: cannot be read ({error.strerror})") from None
        with self._lock:
            self._digests[known] = found
            while len(self._digests) > _DIGESTS_KEPT:
                self._digests.popitem(last=False)
        return found


def _sampled(path: Path, facts: os.stat_result) -> str:
    """Digest of a file's size, date and pieces. Raises OSError."""
    digest = hashlib.sha256(f"{facts.st_size} {facts.st_mtime_ns}".encode())
    with path.open("rb") as file:
        for number in range(_PIECES):
            file.seek((facts.st_size - _PIECE_BYTES) * number // (_PIECES - 1))
            digest.update(file.read(_PIECE_BYTES))
    return digest.hexdigest()


def _check(request: ClipRequest, limits: Limits) -> None:
    """What can be told without the model. Raises WorkerError."""
    if not 1 <= request.takes <= limits.takes:
        raise WorkerError(f"takes {request.takes}: expected 1 to {limits.takes}")
    if not BATCH <= request.priority <= CLICK:
        raise WorkerError(f"priority {request.priority}: expected {BATCH} (batch) to {CLICK} (a click)")
    if not 0 <= request.seed < 2**63 - limits.takes:
        raise WorkerError(f"seed {request.seed}: expected a whole number from 0 to 2^63")
    weights = request.guidance if isinstance(request.guidance, tuple) else ()
    numbers = [request.start_s, request.end_s, request.intensity, request.threshold, *(weight for _, weight in weights)]
    numbers += [number for pair in request.times for number in pair]
    numbers += [number for time, _, intensity in request.emotions for number in (time, intensity)]
    if isinstance(request.guidance, float):
        numbers.append(request.guidance)
    if not all(number is None or math.isfinite(number) for number in numbers):
        raise WorkerError("the request has a number that is not finite")
    words = [request.path, request.emotion, request.voice, request.sampler or "", request.key]
    words += [*(name for name, _ in weights), *(emotion for _, emotion, _ in request.emotions)]
    if any(len(word) > _LONGEST_WORD or "\0" in word for word in words):
        raise WorkerError(f"the request has a text that is longer than {_LONGEST_WORD} characters, or not plain")

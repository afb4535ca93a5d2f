"""The main thing: silent GRID clips become speech."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imagintalk.data.recording import Recording
from imagintalk.evaluation.comparison import Speak, compare
from imagintalk.evaluation.recogniser import Recogniser
from imagintalk.evaluation.result import Result
from imagintalk.evaluation.rows.heard import heard_row
from imagintalk.evaluation.subset import evenly
from imagintalk.types import Notify


def lips_row(
    recordings: Sequence[Recording],
    speak: Speak,
    recognisers: Mapping[str, Recogniser],
    limit: int | None,
    notify: Notify,
) -> Result:
    """Word error rate above the recording's, and ESTOI against the recording."""
    clips = compare(evenly(recordings, limit), speak, recognisers, "lips to speech", notify)
    return heard_row("lips → speech, GRID", clips, len(recordings), wer=(40.0, 5.0), estoi=(0.35, 0.60))

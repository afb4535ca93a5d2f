"""How well speech comes back from the recording's own content tokens: the ceiling of what lips can reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imagintalk.data.recording import Recording
from imagintalk.evaluation.comparison import Speak, compare
from imagintalk.evaluation.recogniser import Recogniser
from imagintalk.evaluation.result import Result
from imagintalk.evaluation.rows.heard import heard_row
from imagintalk.evaluation.subset import evenly
from imagintalk.types import Notify


def tokens_row(
    recordings: Sequence[Recording],
    speak: Speak,
    recognisers: Mapping[str, Recogniser],
    limit: int | None,
    notify: Notify,
) -> Result:
    """Word error rate above the recording's, and ESTOI against the recording, which is told, not judged."""
    clips = compare(evenly(recordings, limit), speak, recognisers, "tokens to speech", notify)
    return heard_row("recording's own tokens → speech, GRID", clips, len(recordings), wer=(25.0, 5.0), estoi=None)

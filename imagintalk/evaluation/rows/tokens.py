"""How well speech comes back from the recording's own content tokens: the ceiling of what lips can reach."""

from __future__ import annotations

from collections.abc import Sequence

from imagintalk.data.recording import Recording
from imagintalk.evaluation.comparison import Speak, compare, summarise
from imagintalk.evaluation.recogniser import Recogniser
from imagintalk.evaluation.result import Figure, Result
from imagintalk.evaluation.subset import evenly
from imagintalk.types import Notify


def tokens_row(
    recordings: Sequence[Recording], speak: Speak, recogniser: Recogniser, limit: int | None, notify: Notify
) -> Result:
    """Word error rate above the recording's, with the grammar recogniser; ESTOI is told, not judged."""
    chosen = evenly(recordings, limit)
    clips = compare(chosen, speak, recogniser, "tokens to speech", notify)
    found = summarise(clips)
    return Result(
        what="recording's own tokens → speech, GRID",
        figures=(
            Figure("WER above the recording's", found.points_above, 25.0, 5.0, " points", small_is_good=True),
            Figure("ESTOI", found.estoi, None, None),
        ),
        clips=len(chosen),
        available=len(recordings),
        per_clip=tuple(c.row for c in clips),
        notes=(f"WER {found.points:.1f} points, of the recordings {found.true_points:.1f}",),
    )

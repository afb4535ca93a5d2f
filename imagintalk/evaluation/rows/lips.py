"""The main thing: silent GRID clips become speech."""

from __future__ import annotations

from collections.abc import Sequence

from imagintalk.data.recording import Recording
from imagintalk.evaluation.comparison import Speak, compare, summarise
from imagintalk.evaluation.recogniser import Recogniser
from imagintalk.evaluation.result import Figure, Result
from imagintalk.evaluation.subset import evenly
from imagintalk.types import Notify


def lips_row(
    recordings: Sequence[Recording], speak: Speak, recogniser: Recogniser, limit: int | None, notify: Notify
) -> Result:
    """Word error rate above the recording's with the grammar recogniser, and ESTOI against the recording."""
    chosen = evenly(recordings, limit)
    clips = compare(chosen, speak, recogniser, "lips to speech", notify)
    found = summarise(clips)
    failed = sum(bool(c.failure) for c in clips)
    return Result(
        what="lips → speech, GRID",
        figures=(
            Figure("WER above the recording's", found.points_above, 40.0, 5.0, " points", small_is_good=True),
            Figure("ESTOI", found.estoi, 0.35, 0.60),
        ),
        clips=len(chosen),
        available=len(recordings),
        per_clip=tuple(c.row for c in clips),
        notes=(
            f"WER {found.points:.1f} points, of the recordings {found.true_points:.1f}",
            *((f"{failed} clips failed and count as silence",) if failed else ()),
        ),
    )

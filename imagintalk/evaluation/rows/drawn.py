"""The drawn talker, with sentences that no training saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imagintalk.data.recording import Recording
from imagintalk.errors import OptionError
from imagintalk.evaluation.comparison import Speak, compare, summarise
from imagintalk.evaluation.recogniser import Recogniser
from imagintalk.evaluation.result import Figure, Result
from imagintalk.evaluation.subset import evenly
from imagintalk.types import Notify


def drawn_row(
    recordings: Sequence[Recording],
    speak: Speak,
    recognisers: Mapping[str, Recogniser],
    limit: int | None,
    notify: Notify,
) -> Result:
    """Word error rate above that of the synthesiser's own sound, by the recogniser that hears that sound best.

    The recordings are drawn clips with the synthesiser's sound; `recognisers` go by the name that the note tells.
    Raises OptionError without recognisers.
    """
    if not recognisers:
        raise OptionError("expected at least one recogniser for the drawn sentences, got none")
    chosen = evenly(recordings, limit)
    clips = compare(chosen, speak, recognisers, "drawn clips", notify)
    best = min(recognisers, key=lambda name: summarise(clips, name).true_points)
    found = summarise(clips, best)
    return Result(
        what="drawn sentences never seen",
        figures=(
            Figure("WER above the synthesiser's", found.points_above, 30.0, 5.0, " points", small_is_good=True),
            Figure("ESTOI", found.estoi, None, None),
        ),
        clips=len(chosen),
        available=len(recordings),
        per_clip=tuple(c.row for c in clips),
        notes=(
            f"heard by {best}, which errs least in the synthesiser's own sound",
            f"WER {found.points:.1f} points, of the synthesiser {found.true_points:.1f}",
        ),
    )

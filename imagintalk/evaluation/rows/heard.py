"""Figures of what recognisers hear, which several rows share."""

from __future__ import annotations

from collections.abc import Sequence

from imagintalk.evaluation.comparison import Comparison, summarise
from imagintalk.evaluation.result import Figure, Result


def heard_row(
    what: str,
    comparisons: Sequence[Comparison],
    available: int,
    wer: tuple[float, float],
    estoi: tuple[float, float] | None,
) -> Result:
    """Word error rate above the recording's by each recogniser, and ESTOI.

    wer, estoi: the bound and the aim. The first recogniser's word error rate is judged, those of the others are told.
    """
    judge, *others = comparisons[0].hearings
    found = summarise(comparisons, judge)
    told = {name: summarise(comparisons, name) for name in others}
    failed = sum(bool(c.failure) for c in comparisons)
    return Result(
        what=what,
        figures=(
            Figure(f"WER above the recording's, {judge}", found.points_above, *wer, " points", small_is_good=True),
            Figure("ESTOI", found.estoi, *(estoi or (None, None))),
            *(Figure(f"WER above, {name}", s.points_above, None, None, " points", True) for name, s in told.items()),
        ),
        clips=len(comparisons),
        available=available,
        per_clip=tuple(c.row for c in comparisons),
        notes=(
            *(
                f"{name}: WER {s.points:.1f} points, of the recordings {s.true_points:.1f}"
                for name, s in {judge: found, **told}.items()
            ),
            *((f"{failed} clips failed and count as silence",) if failed else ()),
        ),
    )

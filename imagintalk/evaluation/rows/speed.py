"""Time and memory of one short clip on two CPU cores."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from imagintalk.evaluation.alone import run_alone
from imagintalk.evaluation.result import Figure, Result

CPUS = 2
RUNS = 3


def speed_row(clip: Path, model: Path) -> Result:
    """Seconds of all stages with the model loaded, and peak memory of `imagintalk dub`, each in a fresh process.

    model: its folder.
    The first dub of a process also warms up libraries; it is told in the note, the median of the next ones is judged.
    """
    given = [str(model), str(clip), str(1 + RUNS)]
    timed = run_alone([sys.executable, "-m", "imagintalk.evaluation.timed_dub", *given], CPUS)
    first, *later = json.loads(timed.output.splitlines()[-1])
    with tempfile.TemporaryDirectory() as folder:
        dub = [sys.executable, "-m", "imagintalk.cli", "dub", str(clip), "-o", str(Path(folder, "speech.wav"))]
        whole = run_alone([*dub, "--model", str(model), "--device", "cpu"], CPUS)
    return Result(
        what=f"{clip.name}, {CPUS} CPU cores",
        figures=(
            Figure("time of all stages, model loaded", float(np.median(later)), 6.0, 2.0, " s", small_is_good=True),
            Figure("peak memory", whole.peak_bytes / 1e9, 3.0, 1.5, " GB", small_is_good=True),
        ),
        clips=1,
        available=1,
        per_clip=({"clip": clip.stem, "first s": first, **{f"run {i} s": s for i, s in enumerate(later, 1)}},),
        notes=(f"first dub of a process {first:.1f} s; the whole command with loading {whole.seconds:.1f} s",),
    )

"""Preset voices of a model: the mean speaker embedding of each talker it was trained on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from imagintalk.data.cache import Example, of_split
from imagintalk.style.voices import Preset

CORPORA = ("grid", "drawn", "ravdess")
"""Corpora whose talkers are few and known by name."""


def preset_voices(examples: list[Example], licences: Mapping[str, str]) -> list[Preset]:
    """One preset for each training talker, called <corpus>-<talker>; a corpus of one talker goes by its name alone."""
    voices: dict[tuple[str, str], list[np.ndarray]] = defaultdict(list)
    for example in of_split(examples, "train"):
        if example.corpus in CORPORA:
            voices[example.corpus, example.talker].append(example.voice["ge2e"])
    presets = []
    for (corpus, talker), vectors in sorted(voices.items()):
        mean = np.mean(vectors, axis=0)
        name = corpus if corpus == talker else f"{corpus}-{talker}"
        description = f"mean of {len(vectors)} recordings of {corpus}'s talker {talker}"
        vector = tuple(float(v) for v in mean / np.linalg.norm(mean))
        presets.append(Preset(name, description, licences.get(corpus, "as the corpus"), vector))
    return presets

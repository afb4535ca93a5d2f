"""All experiments by their names."""

from __future__ import annotations

from imagintalk.experiments.codec_ceiling import CodecCeiling
from imagintalk.experiments.experiment import Experiment

EXPERIMENTS: dict[str, Experiment] = {experiment.name: experiment for experiment in (CodecCeiling(),)}

"""All experiments by their names."""

from __future__ import annotations

from imagintalk.experiments.codec_ceiling import CodecCeiling
from imagintalk.experiments.data_share import DataShare
from imagintalk.experiments.detector_sweep import DetectorSweep
from imagintalk.experiments.experiment import Experiment
from imagintalk.experiments.guidance_sweep import GuidanceSweep
from imagintalk.experiments.lip_alignment import LipAlignment
from imagintalk.experiments.new_talker import NewTalker
from imagintalk.experiments.plain_adaln import PlainAdaLn
from imagintalk.experiments.sampler_steps import SamplerSteps
from imagintalk.experiments.style_matrix import StyleMatrix

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        LipAlignment(),
        CodecCeiling(),
        DetectorSweep(),
        PlainAdaLn(),
        StyleMatrix(),
        SamplerSteps(),
        GuidanceSweep(),
        DataShare(),
        NewTalker(),
    )
}

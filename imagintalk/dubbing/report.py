"""What a dub tells about itself: provenance of each take, and the report."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagintalk.adapting.talker import Talker
from imagintalk.dubbing.confidence import confidence
from imagintalk.dubbing.options import DubOptions
from imagintalk.errors import ClipError
from imagintalk.models import ModelStore
from imagintalk.provenance import Provenance, now, program_version, sha256_of
from imagintalk.rates import TOKEN_HZ, VIDEO_FPS
from imagintalk.style.emotion import AUTO
from imagintalk.style.voices import load_presets
from imagintalk.types import Clip, DubResult, Emotion, FaceTrack


def provenances(
    store: ModelStore, clip: Clip, options: DubOptions, result: DubResult, talker: Talker | None = None
) -> list[Provenance]:
    """How each take was made, with which adapter if any. Raises ClipError when the clip can no longer be read."""
    try:
        clip_sha256 = sha256_of(clip.path)
    except OSError as error:
        raise ClipError(f"{clip.path}: can no longer be read ({error.strerror}); leave it in place") from None
    created = now()
    shown = [source for _, source in clip.times] or [clip.start_s, clip.start_s + float(result.crops.duration_s)]
    named = options.voice in (AUTO, *load_presets(store.folder))
    voice = "adapter" if options.voice == AUTO and talker is not None else options.voice
    return [
        Provenance(
            program_version=program_version(),
            model=store.name,
            model_sha256=store.sha256,
            clip_sha256=clip_sha256,
            start_s=min(shown),
            end_s=max(shown),
            seed=take.seed,
            emotion="keyed" if options.emotions else options.emotion,
            intensity=options.intensity,
            voice=voice if named else "recording",
            created=created,
            adapter_sha256="" if talker is None else talker.sha256,
        )
        for take in result.takes
    ]


def report(options: DubOptions, result: DubResult, made: list[Provenance]) -> dict[str, Any]:
    """All that is known about a dub, as plain values for a JSON file."""
    content = result.content
    masked = int(content.masked.sum())
    return {
        "takes": [own.as_dict() for own in made],
        "seconds": float(result.crops.duration_s),
        "samples": len(result.takes[0].speech.samples),
        "face": _face(result.crops.track, result.crops.mouth_width_px),
        "tokens": {
            "rate_hz": TOKEN_HZ,
            "read": content.ids.tolist(),
            "similarity": _rounded(content.similarity),
            "probability": _rounded(content.probability),
            "spoken": content.refilled.tolist(),
        },
        "masked": {"tokens": masked, "of": len(content.ids), "share": masked / len(content.ids)},
        "confidence": confidence(content),
        "emotion": {
            "keys": options.emotion_keys,
            "rate_hz": TOKEN_HZ,
            "classes": [emotion.word for emotion in Emotion],
            "track": _rounded(result.style.emotion),
        },
        "timings_s": {stage: round(seconds, 3) for stage, seconds in result.timings_s.items()},
        "warnings": list(result.warnings),
    }


def _face(track: FaceTrack, mouth_width_px: float) -> dict[str, Any]:
    middle = track.boxes[len(track.boxes) // 2]
    return {
        "index": track.index,
        "box_px": [round(float(edge), 1) for edge in middle],
        "seen_share": float(track.seen.mean()),
        "bridged_s": bridged(track.seen),
        "largest_yaw_degrees": round(float(np.abs(track.yaw).max()), 1),
        "mouth_motion": track.mouth_motion,
        "mouth_width_px": mouth_width_px,
    }


def bridged(seen: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """(start, end) in seconds of the stretches of seen (T,), 25 fps, where the face was lost."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], seen, [True]]).astype(np.int8)))
    return [(float(start) / VIDEO_FPS, float(end) / VIDEO_FPS) for start, end in edges.reshape(-1, 2)]


def _rounded(values: Any) -> Any:
    return values.astype("float64").round(3).tolist()

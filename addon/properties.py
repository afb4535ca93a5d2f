"""What a scene remembers: settings, jobs and takes. All of it is saved with the .blend."""

from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from .compat import PATH_OPTIONS

EMOTIONS = ("auto", "neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
_EMOTION_ITEMS = [("auto", "As the face shows", "The feeling that is seen on the face")] + [
    (word, word.capitalize(), f"Speak {word}, whatever the face shows") for word in EMOTIONS[1:]
]

STEPS = {"DRAFT": 16, "STANDARD": None, "BEST": 128}
"""Sampler steps; None: as many as the model is made for."""

LARGEST_SEED = 2**31 - 1


def emotion_property() -> Any:
    return EnumProperty(name="Emotion", description="Feeling of the speech", items=_EMOTION_ITEMS, default="auto")


def intensity_property() -> Any:
    return FloatProperty(
        name="Intensity",
        description="How strong the feeling is: 0 neutral, 1 all of it",
        default=1.0,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )


def _preset_names(self: Any, context: Any, text: str) -> list[str]:
    from .state import session

    hello = session().hello
    return [name for name in hello.voices if name != "auto" and text in name] if hello is not None else []


class ImaginTalkSettings(bpy.types.PropertyGroup):
    emotion: emotion_property()
    intensity: intensity_property()
    seed: IntProperty(
        name="Seed",
        description="Another seed is another take; the same one, with all else the same, the same take",
        default=0,
        min=0,
        max=LARGEST_SEED,
    )
    takes: IntProperty(name="Takes", description="Takes to make at once, with one seed each", default=1, min=1, max=8)
    voice: EnumProperty(
        name="Voice",
        description="Whose voice",
        items=[
            ("FACE", "From the face", "A voice that fits the face"),
            ("FILE", "From a recording", "The voice that is heard in a sound file"),
            ("PRESET", "Preset", "A voice that comes with the model"),
        ],
        default="FACE",
    )
    voice_file: StringProperty(
        name="Recording",
        description="Sound in which the wanted voice is heard, some seconds of it",
        subtype="FILE_PATH",
        options=PATH_OPTIONS,
    )
    voice_preset: StringProperty(name="Preset", description="Name of one of the model's voices", search=_preset_names)
    quality: EnumProperty(
        name="Quality",
        description="How long the worker thinks about a take",
        items=[
            ("DRAFT", "Draft", "A quarter of the steps, to hear whether it goes in the right direction"),
            ("STANDARD", "Standard", "As many steps as the model is made for"),
            ("BEST", "Best", "Twice the steps"),
        ],
        default="STANDARD",
    )
    use_guidance: BoolProperty(
        name="Own Guidance",
        description="Set how strongly lips, voice and emotion steer, instead of as the model is set",
    )
    guidance: FloatProperty(
        name="Guidance",
        description="How strongly lips, voice and emotion steer together; 1 is as learnt",
        default=1.5,
        min=0.0,
        max=10.0,
    )
    folder: StringProperty(
        name="Folder",
        description="Where takes are written; // is the folder of the .blend",
        default="//imagintalk/",
        subtype="DIR_PATH",
        options=PATH_OPTIONS,
    )
    pattern: StringProperty(
        name="File Name",
        description="Name of a take: {strip}, {scene}, {emotion}, {seed}, {voice} stand for what was chosen",
        default="{strip}_{emotion}_{seed}",
    )
    channel_rule: EnumProperty(
        name="Channel",
        description="Where takes land",
        items=[
            ("BELOW", "Below the Strip", "First free channel below the strip; above it where there is none"),
            ("ABOVE", "Above the Strip", "First free channel above the strip"),
            ("FIXED", "From a Channel on", "First free channel from a chosen one upwards"),
        ],
        default="BELOW",
    )
    channel: IntProperty(name="First Channel", description="Takes land in it or above", default=1, min=1, max=128)
    match_loudness: BoolProperty(
        name="Match Loudness", description="Bring every take to one loudness, as far as its peaks allow"
    )
    lufs: FloatProperty(
        name="LUFS", description="Loudness after ITU-R BS.1770: -23 broadcast, -16 web", default=-23, min=-50, max=-5
    )
    replace_sound: BoolProperty(
        name="Replace the Original Sound",
        description="Cross over from the clip's own sound to the take and back, and mute it in between",
        default=True,
    )
    crossfade: FloatProperty(
        name="Crossfade",
        description="Seconds in which one sound gives way to the other",
        default=0.05,
        min=0.0,
        max=2.0,
    )


class ImaginTalkJob(bpy.types.PropertyGroup):
    """`name` is the dub's key."""

    data: StringProperty()
    """The dub as JSON."""
    label: StringProperty()
    state: StringProperty()
    stage: StringProperty()
    fraction: FloatProperty()
    seconds_left: FloatProperty()
    """-1: not known."""
    reason: StringProperty()


class ImaginTalkTake(bpy.types.PropertyGroup):
    """`name` is the take's id."""

    label: StringProperty(name="Name", description="What the take is called")
    source: StringProperty()
    """Id of the strip that it was made for."""
    source_label: StringProperty()
    path: StringProperty(subtype="FILE_PATH", options=PATH_OPTIONS)
    request: StringProperty()
    """How it was made, as JSON: enough to make it again."""
    seed: IntProperty()
    emotion: StringProperty()
    intensity: FloatProperty()
    voice: StringProperty()
    model: StringProperty()
    warnings: StringProperty()
    note: StringProperty()
    """Why it is not on the timeline, in words."""
    kept: BoolProperty(name="Keep", description="This is the take to use")
    offset: FloatProperty()
    """Timeline frames from the start of the source's content to the take's first frame."""
    frames: IntProperty()
    rate: FloatProperty()
    """Of the scene's frames that these are."""
    rendered: BoolProperty()


class ImaginTalkScene(bpy.types.PropertyGroup):
    settings: PointerProperty(type=ImaginTalkSettings)
    jobs: CollectionProperty(type=ImaginTalkJob)
    active_job: IntProperty(description="Chosen job")
    takes: CollectionProperty(type=ImaginTalkTake)
    active_take: IntProperty(description="Chosen take")
    other_take: StringProperty()
    """Id of the take that the A/B key goes back to."""


_CLASSES = (ImaginTalkSettings, ImaginTalkJob, ImaginTalkTake, ImaginTalkScene)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.imagintalk = PointerProperty(type=ImaginTalkScene)


def unregister() -> None:
    del bpy.types.Scene.imagintalk
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)

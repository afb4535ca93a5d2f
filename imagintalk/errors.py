"""One hierarchy for all that can go wrong with what a user gives.

The command line prints the message in one line and exits with code 2; a program catches `ImaginTalkError`.
Each message says what was expected, what came, and what to do.
"""

from __future__ import annotations


class ImaginTalkError(Exception):
    """Base of every error that the program raises on purpose."""


class ClipError(ImaginTalkError):
    """The clip cannot be used: missing, no video, no picture stream, zero frames, range outside of it."""


class FaceError(ImaginTalkError):
    """No usable face in the picture, or the named one is not there."""


class OptionError(ImaginTalkError):
    """An option has a value that the program does not know, such as an emotion."""


class VoiceError(ImaginTalkError):
    """The recording or preset of the wanted voice cannot be used."""


class WeightsError(ImaginTalkError):
    """Weights are missing, corrupt (checksum), or do not fit the config."""


class OutputError(ImaginTalkError):
    """The result cannot be written: no folder, no permission, no space."""


class DataError(ImaginTalkError):
    """Training data is not laid out as its authors publish it, or a cache is missing or stale."""


class ConfigError(ImaginTalkError):
    """A config has an unknown key, a missing one, or a value of the wrong kind."""


class WorkerError(ImaginTalkError):
    """The worker cannot be reached, does not take the request, or a job of it failed."""


class Cancelled(ImaginTalkError):
    """The caller asked the work to stop."""

"""What the user can do. An operator looks, calls, reports; the work is elsewhere."""

from . import generate, jobs, takes, voice_and_face, worker

_MODULES = (generate, jobs, takes, voice_and_face, worker)


def register() -> None:
    for module in _MODULES:
        module.register()


def unregister() -> None:
    for module in reversed(_MODULES):
        module.unregister()

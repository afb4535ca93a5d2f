"""ImaginTalk in Blender's Video Sequencer (DESIGN section 8).

Installed as the extension `imagintalk`, and in this repository importable as `imagintalk_addon`. Needs the standard
library, bpy, numpy (which is Blender's own) and rpyc. Nothing is imported before it is registered, so that the modules
that do without Blender can be used without it.
"""

from __future__ import annotations


def register() -> None:
    """Called by Blender when the extension is enabled."""
    from . import registration

    registration.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled, and when it quits."""
    from . import registration

    registration.unregister()

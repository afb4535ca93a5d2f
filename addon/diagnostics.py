"""What one who helps wants to know of the extension and its worker, as text."""

from __future__ import annotations

import os
import platform
import re
import tempfile
from pathlib import Path

import bpy

from . import preferences, state

# Spaces are taken for parts of names: rather too much than too little.
_UNIX_FOLDERS = re.compile(r"(?<![\w.])~?/{1,2}(?:[^/\n:;]+/)+")
_WINDOWS_FOLDERS = re.compile(r"(?<!\w)(?:[A-Za-z]:|\\\\[^\\\n:;]+)?\\(?:[^\\\n:;]+\\)+")


def diagnostics() -> str:
    """What one who helps wants to know: no folder of the user's, no token."""
    session = state.session()
    hello, status = session.hello, session.status
    lines = [
        f"ImaginTalk {state.version()}, Blender {bpy.app.version_string}, {platform.platform()}",
        f"worker: {session.worker}; trouble: {session.trouble or 'none'}",
    ]
    if hello is not None:
        lines.append(f"version {hello.version}, protocol {hello.protocol}, model {hello.model}, local {hello.local}")
    if status is not None:
        lines.append(f"device {status.device}, lanes {', '.join(status.lanes)}, memory {status.memory_bytes >> 20} MB")
        lines.append("counts " + ", ".join(f"{name} {count}" for name, count in status.counts))
    states = [dub.state for dub in session.dubs.values()]
    lines.append("jobs " + (", ".join(f"{name} {states.count(name)}" for name in sorted(set(states))) or "none"))
    lines += [f"failed: {dub.reason}" for dub in session.dubs.values() if dub.reason]
    return _without_folders("\n".join(lines))


def _without_folders(text: str) -> str:
    """The text with no folder in it: neither those that are known, nor what looks like one. File names stay."""
    chosen = preferences.preferences()
    paths = [dub.request.path for dub in state.session().dubs.values()]
    paths += [dub.request.voice for dub in state.session().dubs.values() if os.path.isabs(dub.request.voice)]
    folders = {str(Path(path).parent) for path in (*paths, bpy.data.filepath) if path}
    folders |= {bpy.path.abspath(path) for path in (chosen.state_folder, chosen.certificates) if path}
    folders |= {str(Path.home()), tempfile.gettempdir()}
    for folder in sorted((folder.rstrip("/\\") for folder in folders), key=len, reverse=True):
        if len(folder) > len("C:"):
            text = re.sub(re.escape(folder) + r"(?:[/\\]|(?!\w))", "", text)
    return _WINDOWS_FOLDERS.sub("", _UNIX_FOLDERS.sub("", text))

"""A worker with the fake pipeline as a process of its own, to be killed: serve.py STATE."""

from __future__ import annotations

import sys
from pathlib import Path

from imagintalk_server.daemon import run
from imagintalk_server.settings import Backend, Settings

if __name__ == "__main__":
    fake = Backend("pipelines:Fake")
    run(Settings(fake, fake, Path(sys.argv[1])), screen=False)

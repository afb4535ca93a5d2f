"""A worker with the fake pipeline: serve.py STATE, serve.py STATE detach, serve.py STATE CERTIFICATES PORT."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent

if __name__ == "__main__":
    state = Path(sys.argv[1])
    os.environ["PYTHONPATH"] = str(HERE)  # the children find the fakes
    if sys.argv[2:] == ["detach"]:
        subprocess.Popen([sys.executable, __file__, str(state)], start_new_session=True, stdin=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while not (state / "worker.json").exists() and time.monotonic() < until:
            time.sleep(0.02)
        sys.exit(0)
    from imagintalk_server.daemon import run
    from imagintalk_server.settings import Backend, Settings

    fake = Backend("fakes:Fake")
    certificates, port = (Path(sys.argv[2]), int(sys.argv[3])) if len(sys.argv) > 3 else (None, 0)
    run(Settings(fake, fake, state, certificates=certificates, port=port), screen=False)

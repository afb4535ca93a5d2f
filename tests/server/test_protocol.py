"""What crosses the wire, and that an editor can load it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rpyc.core import brine

import imagintalk_server
from imagintalk_server.protocol import ClipRequest, Events, Job, ProtocolError

CARRIED = ("address.py", "client.py", "protocol.py", "wire.py")
"""Files that an editor's add-on takes along."""

numbers = st.floats(allow_nan=False)
requests = st.builds(
    ClipRequest,
    path=st.text(),
    start_s=numbers,
    end_s=st.none() | numbers,
    emotion=st.text(),
    intensity=numbers,
    face=st.none() | st.integers(0, 2**31),
    seed=st.integers(0, 2**62),
    takes=st.integers(1, 9),
    guidance=st.none() | numbers | st.lists(st.tuples(st.text(), numbers)).map(tuple),
    times=st.lists(st.tuples(numbers, numbers)).map(tuple),
    emotions=st.lists(st.tuples(numbers, st.text(), numbers)).map(tuple),
)


@given(requests)
def test_packing_inverts_and_is_plain_values(request_: ClipRequest) -> None:
    packed = request_.pack()
    assert brine.dumpable(packed)
    assert ClipRequest.unpack(brine.load(brine.dump(packed))) == request_


def test_nested_messages_come_back() -> None:
    job = Job(1, "done", "", 1.0, None, "", ("said",), "a.mp4", 5, 1, 0.0, None, 2.5, False)
    from imagintalk_server.protocol import Event

    events = Events("abc", 7, False, (Event(7, job),))
    assert Events.unpack(events.pack()) == events


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=20).map(tuple),
    max_leaves=30,
)


@given(plain)
def test_anything_else_is_refused_by_name(value: object) -> None:
    with pytest.raises(ProtocolError, match="ClipRequest"):
        ClipRequest.unpack(value)


@pytest.mark.parametrize(
    ("field", "value"), [("seed", True), ("path", b"bytes"), ("takes", 1.0), ("guidance", ((1, 2),)), ("key", None)]
)
def test_a_wrong_type_is_told_with_its_field(field: str, value: object) -> None:
    names = list(ClipRequest.__dataclass_fields__)
    packed = list(ClipRequest("clip.mp4").pack())
    packed[names.index(field)] = value
    with pytest.raises(ProtocolError, match=f"ClipRequest.{field}: expected"):
        ClipRequest.unpack(tuple(packed))


def test_the_editors_files_need_the_standard_library_and_rpyc_only(tmp_path: Path) -> None:
    carried = tmp_path / "carried"
    carried.mkdir()
    (carried / "__init__.py").touch()
    for name in CARRIED:
        shutil.copy(Path(imagintalk_server.__file__).parent / name, carried)
    code = (
        "import sys, carried.client, carried.protocol, carried.address\n"
        "known = sys.stdlib_module_names | {'rpyc', 'carried', 'plumbum', '__main__'}\n"
        "print(*{name.partition('.')[0] for name, module in sys.modules.items()"
        " if getattr(module, '__file__', None)} - known)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    strangers = {name for name in done.stdout.split() if not name.startswith(("__editable__", "_distutils_hack"))}
    assert not strangers, strangers


def test_the_protocol_needs_the_standard_library_only(tmp_path: Path) -> None:
    shutil.copy(Path(imagintalk_server.__file__).parent / "protocol.py", tmp_path)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import protocol as p; print(p.ClipRequest('a.mp4').path)"
    )
    bare = [sys.executable, "-I", "-S", "-c", code]  # no site-packages at all
    done = subprocess.run(bare, capture_output=True, text=True, check=True)
    assert done.stdout == "a.mp4\n"

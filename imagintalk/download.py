"""One file over HTTP: whole and with the right checksum, or not at all; what was interrupted goes on later."""

from __future__ import annotations

import errno
import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from imagintalk.errors import OptionError, WeightsError
from imagintalk.provenance import sha256_of

_CHUNK = 1 << 18
_TIMEOUT_S = 30
_AGAIN = "pull it again to go on from there"

Report = Callable[[int], None]
"""Called with the bytes that are there; what it raises stops the download, which can go on later."""


def download(url: str, path: Path, sha256: str | None, report: Report) -> None:
    """Bring what lies at `url` to `path`.

    Until it is whole it is `<name>.part`, and `<name>.mark` holds the server's name for this version of the file, so
    that a part is never continued with bytes of another one. Both stay when the download is interrupted.
    Raises OptionError (no web address) and WeightsError: no answer, no space, connection lost, wrong checksum. The last
    removes the part.
    """
    if not url.startswith(("http://", "https://")):
        raise OptionError(f"{url}: expected an address that begins with https:// or http://")
    part, mark = (path.with_name(f"{path.name}.{kind}") for kind in ("part", "mark"))
    try:
        _fetch(url, part, mark, sha256 is not None, report)
    except urllib.error.HTTPError as error:
        raise WeightsError(f"{url}: expected a file, got HTTP {error.code} {error.reason}; check the address") from None
    except (OSError, HTTPException) as error:
        raise WeightsError(_in_words(url, path, error)) from None
    came = sha256_of(part)
    mark.unlink(missing_ok=True)
    if sha256 is not None and came != sha256:
        part.unlink()
        raise WeightsError(f"{url}: expected SHA-256 {sha256}, got {came}; what came was removed, pull it again later")
    os.replace(part, path)


def _fetch(url: str, part: Path, mark: Path, checked: bool, report: Report) -> None:
    """Fill `part`, from its end on where the server can. checked: a mix of two versions would be found out later."""
    have = part.stat().st_size if part.exists() and (checked or mark.exists()) else 0
    request = urllib.request.Request(url)
    if have:
        request.add_header("Range", f"bytes={have}-")
        if mark.exists():
            request.add_header("If-Range", mark.read_text(encoding="latin-1"))
    try:
        response: HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if not have or error.code != 416:  # range not satisfiable: the part is all of it, or of another version
            raise
        if error.headers.get("Content-Range") == f"bytes */{have}":
            report(have)
            return
        part.unlink()
        _fetch(url, part, mark, checked, report)
        return
    with response:
        begin = _begin(url, response, have)
        length = response.headers.get("Content-Length")
        total = None if length is None else begin + int(length)
        _check_room(url, part, None if total is None else total - begin)
        _set_mark(mark, response)
        done = begin
        with part.open("ab" if begin else "wb") as out:
            report(done)
            while chunk := response.read(_CHUNK):
                out.write(chunk)
                done += len(chunk)
                report(done)
    if total is not None and done < total:
        raise WeightsError(f"{url}: expected {total} bytes, the connection broke after {done}; {_AGAIN}")


def _begin(url: str, response: HTTPResponse, have: int) -> int:
    """Which byte of the file comes first: 0 where the server cannot go on, or has another version by now."""
    if response.status != 206:
        return 0
    given = response.headers.get("Content-Range", "")
    if not re.match(rf"bytes {have}-", given):
        raise WeightsError(f"{url}: expected the bytes from {have} on, the server sent {given or 'no range'}; {_AGAIN}")
    return have


def _set_mark(mark: Path, response: HTTPResponse) -> None:
    etag = response.headers.get("ETag") or ""
    name = response.headers.get("Last-Modified") if not etag or etag.startswith("W/") else etag
    if name:
        mark.write_text(name, encoding="latin-1")
    else:
        mark.unlink(missing_ok=True)


def _check_room(url: str, part: Path, missing: int | None) -> None:
    free = shutil.disk_usage(part.parent).free
    if missing is not None and missing > free:
        raise WeightsError(
            f"{url}: expected room for {missing / 1e6:.1f} MB in {part.parent}, {free / 1e6:.1f} MB are free; free some"
        )


def _in_words(url: str, path: Path, error: OSError | HTTPException) -> str:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path}: no space left on the disk; free some and {_AGAIN}"
    reason = getattr(error, "reason", None) or error
    return f"{url}: cannot be downloaded ({reason}); check the network, and {_AGAIN}"

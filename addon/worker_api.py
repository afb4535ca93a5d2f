"""The client's part of the worker: the extension carries a copy of it, the repository has it in server/."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING or find_spec(f"{__package__}.carried") is None:
    from imagintalk_server.address import Address
    from imagintalk_server.client import Client, ClientError, Unreachable
    from imagintalk_server.protocol import (
        BATCH,
        CANCELLED,
        CLICK,
        DONE,
        FAILED,
        QUEUED,
        RUNNING,
        ClipRequest,
        Face,
        Hello,
        Job,
        ProtocolError,
        Result,
        ResultFile,
        Status,
    )
else:
    from .carried.address import Address
    from .carried.client import Client, ClientError, Unreachable
    from .carried.protocol import (
        BATCH,
        CANCELLED,
        CLICK,
        DONE,
        FAILED,
        QUEUED,
        RUNNING,
        ClipRequest,
        Face,
        Hello,
        Job,
        ProtocolError,
        Result,
        ResultFile,
        Status,
    )

__all__ = [
    "BATCH",
    "CANCELLED",
    "CLICK",
    "DONE",
    "FAILED",
    "QUEUED",
    "RUNNING",
    "Address",
    "Client",
    "ClientError",
    "ClipRequest",
    "Face",
    "Hello",
    "Job",
    "ProtocolError",
    "Result",
    "ResultFile",
    "Status",
    "Unreachable",
]

"""The status in the text format that Prometheus reads."""

from __future__ import annotations

from collections.abc import Mapping

from .protocol import Status


def prometheus(status: Status) -> str:
    """https://prometheus.io/docs/instrumenting/exposition_formats/"""
    gauges = {
        "queued_jobs": (status.queued, "Jobs that wait."),
        "running_jobs": (status.running, "Jobs that run."),
        "connections": (status.connections, "Open connections."),
        "cache_bytes": (status.cache_bytes, "Bytes of kept results."),
        "cache_limit_bytes": (status.cache_limit_bytes, "Most bytes of kept results."),
        "memory_bytes": (status.memory_bytes, "Resident bytes of the parent process."),
        "gpu_used_bytes": (status.gpu_used_bytes, "Used bytes of the GPUs' memory."),
        "gpu_bytes": (status.gpu_bytes, "Bytes of the GPUs' memory."),
        "uptime_seconds": (round(status.uptime_s, 3), "Seconds since the start."),
    }
    lines = []
    for name, (value, words) in gauges.items():
        lines += _metric(f"imagintalk_{name}", "gauge", words, {"": value})
    events = {f'{{what="{what}"}}': value for what, value in status.counts}
    lines += _metric("imagintalk_events_total", "counter", "What happened since the start, by kind.", events)
    return "\n".join(lines) + "\n"


def _metric(name: str, kind: str, words: str, values: Mapping[str, float]) -> list[str]:
    head = [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]
    return head + [f"{name}{labels} {value}" for labels, value in values.items()]

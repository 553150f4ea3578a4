"""What the host counts, for `/metrics`."""

from __future__ import annotations

import contextlib

import psutil
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

disable_created_metrics()  # type: ignore[no-untyped-call]

# From a cached prompt on a fast machine to a cold one on a slow machine.
FIRST_TOKEN_BUCKETS_S = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 120.0)


class Metrics:
    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self.requests = Counter(
            "sidesight_requests", "Requests by how they ended", ("kind", "model", "outcome"), registry=registry
        )
        self.prompt_tokens = Counter("sidesight_prompt_tokens", "Tokens of prompts", ("model",), registry=registry)
        self.cached_tokens = Counter(
            "sidesight_cached_tokens", "Tokens of prompts not computed again", ("model",), registry=registry
        )
        self.generated_tokens = Counter("sidesight_generated_tokens", "Tokens delivered", ("model",), registry=registry)
        self.tokens_after_disconnect = Counter(
            "sidesight_tokens_after_disconnect",
            "Tokens generated after their request was closed",
            ("model",),
            registry=registry,
        )
        self.first_token_seconds = Histogram(
            "sidesight_first_token_seconds",
            "From the request to its first token",
            ("kind",),
            buckets=FIRST_TOKEN_BUCKETS_S,
            registry=registry,
        )
        self.waiting = Gauge("sidesight_waiting", "Requests that wait for a model", ("kind",), registry=registry)
        self.running = Gauge("sidesight_running", "Requests with a model", ("kind",), registry=registry)
        self.preemptions = Counter("sidesight_preemptions", "Times that a chat made way", registry=registry)
        self.models_loaded = Gauge("sidesight_models_loaded", "Models in memory", registry=registry)
        self.loads = Counter("sidesight_model_loads", "Times that a model was loaded", ("model",), registry=registry)
        resident = Gauge("sidesight_resident_bytes", "Memory of the host and its engines", registry=registry)
        resident.set_function(_resident_bytes)

    def render(self) -> bytes:
        return generate_latest(self._registry)


def _resident_bytes() -> int:
    """Of this process and those of its children that are still there when they are asked."""
    own = psutil.Process()
    total = own.memory_info().rss
    for child in own.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            total += child.memory_info().rss
    return int(total)

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

from mmcore.engine.base import Figures

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
        self.guessed_tokens = Counter(
            "sidesight_guessed_tokens", "Tokens that were guessed ahead of the model", ("model",), registry=registry
        )
        self.guessed_right_tokens = Counter(
            "sidesight_guessed_right_tokens", "Those that the model says too", ("model",), registry=registry
        )
        self.first_token_seconds = Histogram(
            "sidesight_first_token_seconds",
            "From the request to its first token",
            ("kind",),
            buckets=FIRST_TOKEN_BUCKETS_S,
            registry=registry,
        )
        self.cache_bytes = Gauge(
            "sidesight_cache_bytes", "Memory with the keys and values of prompts", ("model",), registry=registry
        )
        self.cache_limit_bytes = Gauge(
            "sidesight_cache_limit_bytes", "What that may grow to", ("model",), registry=registry
        )
        self.cache_sequences = Gauge(
            "sidesight_cache_sequences", "Prompts and answers that are kept", ("model",), registry=registry
        )
        self.cache_evictions = Counter(
            "sidesight_cache_evictions",
            "Prompts and answers that were dropped to make room",
            ("model",),
            registry=registry,
        )
        self.waiting = Gauge("sidesight_waiting", "Requests that wait for a model", ("kind",), registry=registry)
        self.running = Gauge("sidesight_running", "Requests with a model", ("kind",), registry=registry)
        self.preemptions = Counter("sidesight_preemptions", "Times that a chat made way", registry=registry)
        self.models_loaded = Gauge("sidesight_models_loaded", "Models in memory", registry=registry)
        self.loads = Counter("sidesight_model_loads", "Times that a model was loaded", ("model",), registry=registry)
        resident = Gauge("sidesight_resident_bytes", "Memory of the host and its engines", registry=registry)
        resident.set_function(_resident_bytes)

    def take(self, model: str, figures: Figures, before: Figures) -> None:
        """What a model's engine has counted, now and when it was asked last."""
        for counter, counted, earlier in (
            (self.tokens_after_disconnect, figures.surplus, before.surplus),
            (self.cache_evictions, figures.cache_evictions, before.cache_evictions),
            (self.guessed_tokens, figures.guessed, before.guessed),
            (self.guessed_right_tokens, figures.guessed_right, before.guessed_right),
        ):
            # An engine that was closed for a moment may know less than before.
            counter.labels(model).inc(max(0, counted - earlier))
        self.cache_bytes.labels(model).set(figures.cache_bytes)
        self.cache_limit_bytes.labels(model).set(figures.cache_limit_bytes)
        self.cache_sequences.labels(model).set(figures.cache_sequences)

    def forget_caches(self) -> None:
        """Those of models that are no longer there."""
        for gauge in (self.cache_bytes, self.cache_limit_bytes, self.cache_sequences):
            gauge.clear()

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

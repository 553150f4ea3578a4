"""What an engine has counted, as others read it."""

from __future__ import annotations

from mmcore.engine.base import Figures
from mmcore.host.metrics import Metrics
from tests.contract.hosting import total


def test_counters_grow_by_what_was_counted_since_and_gauges_are_as_they_are() -> None:
    metrics = Metrics()
    before = Figures(surplus=1, cache_bytes=10, cache_limit_bytes=100, cache_sequences=2, cache_evictions=3, guessed=8)
    metrics.take("m", before, Figures())
    after = Figures(4, cache_bytes=7, cache_limit_bytes=100, cache_evictions=5, guessed=12, guessed_right=2)
    metrics.take("m", after, before)
    text = metrics.render().decode()
    assert total(text, "sidesight_tokens_after_disconnect_total") == 4
    assert total(text, "sidesight_cache_evictions_total") == 5
    assert total(text, "sidesight_guessed_tokens_total", model="m") == 12
    assert total(text, "sidesight_guessed_right_tokens_total", model="m") == 2
    assert total(text, "sidesight_cache_bytes", model="m") == 7
    assert total(text, "sidesight_cache_limit_bytes", model="m") == 100
    assert total(text, "sidesight_cache_sequences", model="m") == 0


def test_the_cache_of_a_model_that_was_unloaded_is_no_longer_told() -> None:
    metrics = Metrics()
    metrics.take("m", Figures(cache_bytes=7), Figures())
    metrics.forget_caches()
    assert "sidesight_cache_bytes{" not in metrics.render().decode()

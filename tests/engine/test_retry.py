"""How long a busy server is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial

import httpx2
import pytest
import tenacity

from mmcore.engine import retry

_GROWING = (2 * retry.BACKOFF_S, 3 * retry.BACKOFF_S)


def pause_s(retry_after: str, attempts: int = 2) -> float:
    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    state.attempt_number = attempts
    state.set_result(httpx2.Response(503, headers={"Retry-After": retry_after} if retry_after else {}))
    return retry.pause_s(state)


def in_seconds(seconds: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [
        (partial(str, 3), 3, 3),
        (partial(str, 0), 0, 0),
        (partial(str, 86400), retry.LONGEST_BACKOFF_S, retry.LONGEST_BACKOFF_S),
        (partial(in_seconds, 7), 1, 7),
        (partial(in_seconds, -7), 0, 0),
        (partial(in_seconds, 86400), retry.LONGEST_BACKOFF_S, retry.LONGEST_BACKOFF_S),
        (partial(str, "soon"), *_GROWING),
        (partial(str, "-1"), *_GROWING),
        (partial(str, ""), *_GROWING),
    ],
)
def test_it_is_asked_again_when_it_says_and_otherwise_after_a_pause_that_grows(
    said: partial[str], least: float, most: float
) -> None:
    assert least <= pause_s(said()) <= most


def test_no_pause_is_longer_than_a_programmer_waits() -> None:
    assert pause_s("", attempts=50) == retry.LONGEST_BACKOFF_S

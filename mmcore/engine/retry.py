"""Send a request again, after a pause, where the server was away or busy."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import tenacity

# A server that restarts or sheds load is back within seconds; a programmer waits no longer for ghost text.
RETRIES = 3
BACKOFF_S = 0.25
LONGEST_BACKOFF_S = 8.0
_AWAY = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.RemoteProtocolError)
_BUSY = frozenset({408, 429, 500, 502, 503, 504})


@asynccontextmanager
async def stream(
    client: httpx2.AsyncClient, method: str, path: str, retries: int, **content: Any
) -> AsyncIterator[httpx2.Response]:
    """`client.stream`, as often as it takes. Raises httpx2.TransportError.

    Pauses grow and are spread at random (exponential backoff with jitter), or last as long as `Retry-After` says. The
    last response is given as it is, if it says that the server is busy too.
    """
    attempts = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(_AWAY) | tenacity.retry_if_result(_is_busy),
        stop=tenacity.stop_after_attempt(1 + retries),
        wait=pause_s,
        before_sleep=_close,
        retry_error_callback=_last,
    )
    request = client.build_request(method, path, **content)
    response: httpx2.Response = await attempts(client.send, request, stream=True)
    async with aclosing(response):
        yield response


def _is_busy(response: httpx2.Response) -> bool:
    return response.status_code in _BUSY


def pause_s(attempt: tenacity.RetryCallState) -> float:
    """Seconds until the next attempt."""
    if attempt.outcome is not None and not attempt.outcome.failed:
        with suppress(ValueError):
            return min(_seconds(attempt.outcome.result().headers.get("Retry-After", "")), LONGEST_BACKOFF_S)
    growing = tenacity.wait_exponential(BACKOFF_S) + tenacity.wait_random(0, BACKOFF_S)
    return min(growing(attempt), LONGEST_BACKOFF_S)


def _seconds(retry_after: str) -> float:
    """A number of them, or until a date (RFC 9110, 10.2.3). Raises ValueError."""
    if retry_after.isdecimal():
        return float(retry_after)
    return max(parsedate_to_datetime(retry_after).timestamp() - time.time(), 0.0)


async def _close(attempt: tenacity.RetryCallState) -> None:
    if attempt.outcome is not None and not attempt.outcome.failed:
        await attempt.outcome.result().aclose()


def _last(attempt: tenacity.RetryCallState) -> httpx2.Response:
    """Its response, or raises its error."""
    assert attempt.outcome is not None
    response: httpx2.Response = attempt.outcome.result()
    return response

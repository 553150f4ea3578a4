"""Download a URL to a file, going on where an earlier attempt stopped."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx2
import truststore

from mmcore.errors import DownloadError, SettingError

# Seconds before each new attempt; bytes that arrive start the series again.
_PAUSES = (0.5, 1.0, 2.0, 4.0)
_TIMEOUT = httpx2.Timeout(30.0, connect=5.0)


def open_client() -> httpx2.Client:
    """Trusts what the operating system trusts, as pip does, and the certificates that pip was told to trust."""
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if os.environ.get("PIP_CERT"):
        try:
            context.load_verify_locations(os.environ["PIP_CERT"])
        except OSError as error:
            raise SettingError(f"PIP_CERT names {os.environ['PIP_CERT']}, which holds no certificates") from error
    return httpx2.Client(verify=context, timeout=_TIMEOUT, follow_redirects=True)


def fetch(
    client: httpx2.Client,
    url: str,
    target: Path,
    *,
    size: int | None = None,
    headers: Mapping[str, str] | None = None,
    on_bytes: Callable[[int], None] = lambda held: None,
) -> None:
    """Make `target` the content of `url`; what it already holds is taken for the content's beginning.

    Never more than `size` bytes where that is given, but their hash is the caller's to check. `on_bytes` is told how
    many bytes `target` holds. Raises DownloadError; `target` then keeps what arrived.
    """
    attempt = 0
    while (before := _held(target)) != size:
        try:
            reason = _receive(client, url, target, size, headers or {}, on_bytes)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            # At the very start this is a machine without network, and another source should have its turn soon.
            if attempt == 0:
                raise DownloadError(f"{_host(url)} cannot be reached ({error})") from error
            reason = str(error)
        except httpx2.HTTPError as error:
            reason = str(error) or type(error).__name__
        if not reason:
            return
        attempt = 1 if _held(target) > before else attempt + 1
        if attempt > len(_PAUSES):
            raise DownloadError(f"{_host(url)} stopped sending ({reason}); pull again to go on from here")
        time.sleep(_PAUSES[attempt - 1])


def _receive(
    client: httpx2.Client,
    url: str,
    target: Path,
    size: int | None,
    headers: Mapping[str, str],
    on_bytes: Callable[[int], None],
) -> str:
    """One request; the reason to ask again, or nothing. Raises DownloadError where asking again will not help."""
    held = _held(target)
    # An encoded content could not be continued at a byte of the decoded one.
    wanted = {**headers, "Accept-Encoding": "identity", **({"Range": f"bytes={held}-"} if held else {})}
    with client.stream("GET", url, headers=wanted) as response:
        status = f"{response.status_code} {response.reason_phrase}"
        if response.status_code == httpx2.codes.RANGE_NOT_SATISFIABLE and held:
            target.unlink()
            return status
        if response.is_server_error or response.status_code in (408, 429):
            return status
        if response.is_error:
            raise DownloadError(f"{_host(url)} answered {status}")
        goes_on = response.status_code == httpx2.codes.PARTIAL_CONTENT
        if goes_on and not response.headers.get("Content-Range", "").startswith(f"bytes {held}-"):
            raise DownloadError(f"{_host(url)} sent another range than it was asked for")
        with target.open("ab" if goes_on else "wb") as file:
            for chunk in response.iter_bytes():
                file.write(chunk)
                file.flush()  # so that a killed process leaves what it had received
                on_bytes(file.tell())
                if size is not None and file.tell() > size:
                    file.truncate(0)
                    raise DownloadError(f"{_host(url)} sent more than the {size} bytes that were promised")
    return "" if size in (None, _held(target)) else "the connection was closed early"


def _held(target: Path) -> int:
    return target.stat().st_size if target.exists() else 0


def _host(url: str) -> str:
    # Not the whole URL: it may carry a password or a signature.
    return httpx2.URL(url).host

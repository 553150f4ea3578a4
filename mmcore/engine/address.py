"""Where the model host of this machine is: written by the host, read by those who look for it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from mmcore import config

# Clocks of processes have a resolution of 10 ms; another process under the same number starts later than that.
SAME_START_S = 1.0


@dataclass(frozen=True, slots=True)
class Address:
    """`url` ends in `/v1`; `started` is when the process was created, in seconds since the epoch."""

    url: str
    pid: int
    version: str
    started: float

    @property
    def root(self) -> str:
        return self.url.removesuffix("/v1")

    @property
    def health(self) -> str:
        return f"{self.root}/health"

    def alive(self) -> bool:
        """Whether the process that wrote this still runs, and not another one with its number."""
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.started) < SAME_START_S and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


def address_path() -> Path:
    return config.state_dir() / "host.json"


def token_path() -> Path:
    return config.state_dir() / "host.token"


def log_path() -> Path:
    return config.state_dir() / "host.log"


def publish(url: str, version: str, token: str) -> None:
    """Write this process down as the host; the token, which only its user may read, first."""
    write_private(token_path(), token)
    own = Address(url, os.getpid(), version, psutil.Process().create_time())
    write_private(address_path(), json.dumps(asdict(own)))


def withdraw() -> None:
    """Remove what `publish` wrote, unless another host has taken over."""
    stated = find()
    if stated is None or stated.pid == os.getpid():
        address_path().unlink(missing_ok=True)
        token_path().unlink(missing_ok=True)


def find() -> Address | None:
    """The address that was written down last, if it is well-formed; `alive` says whether it still holds."""
    try:
        data = json.loads(address_path().read_text("utf-8"))
        return Address(str(data["url"]), int(data["pid"]), str(data["version"]), float(data["started"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_token() -> str:
    """Empty when there is none."""
    try:
        return token_path().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def write_private(path: Path, text: str) -> None:
    """At once or not at all, readable by its owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(text)
    temporary.replace(path)

"""Which workspaces may have their code run: asked once, kept per workspace, taken back at any time."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Literal

from filelock import FileLock

from mmcore.config import state_dir
from mmcore.errors import StoreError

Decision = Literal["granted", "refused", "unknown"]


def _file() -> Path:
    return state_dir() / "trust.json"


def _read() -> dict[str, str]:
    """An unreadable file grants nothing."""
    try:
        held = json.loads(_file().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in held.items()} if isinstance(held, dict) else {}


def _key(root: Path) -> str:
    return str(root.resolve())


def decision(root: Path) -> Decision:
    """What the user said about this workspace; `unknown` until asked, which counts as no."""
    held = _read().get(_key(root))
    return "granted" if held == "granted" else "refused" if held == "refused" else "unknown"


def may_run(root: Path) -> bool:
    return decision(root) == "granted"


def grant(root: Path) -> None:
    _write(_key(root), "granted")


def refuse(root: Path) -> None:
    _write(_key(root), "refused")


def revoke(root: Path) -> None:
    """Forget the decision: the workspace will be asked about again."""
    _write(_key(root), None)


def _write(key: str, value: str | None) -> None:
    """Raises StoreError when the state directory cannot be written."""
    try:
        state_dir().mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(state_dir() / "trust.lock", mode=0o600):
            held = _read()
            held.pop(key, None)
            if value is not None:
                held[key] = value
            handle, name = tempfile.mkstemp(dir=state_dir(), prefix="trust-")
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(held, stream, indent=1)
            Path(name).replace(_file())
    except OSError as error:
        raise StoreError(f"cannot note the decision about this workspace: {error}; check {state_dir()}") from error

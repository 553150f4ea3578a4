"""Find a project's own interpreter and programs, and say which of them only a trusted workspace may start."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from mmcore.verify.sandbox import interpreter_paths

SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"


@dataclass(frozen=True, slots=True)
class Program:
    """`ours` is False for a file inside the workspace: whoever wrote the workspace wrote it too."""

    path: Path
    readonly: tuple[Path, ...]
    ours: bool


def project_python(root: Path) -> Path:
    """The interpreter of the workspace's own environment; without one, that which runs us."""
    name = "python.exe" if sys.platform == "win32" else "python"
    for folder in (".venv", "venv", "env"):
        candidate = root / folder / SCRIPTS / name
        if candidate.is_file() and (root / folder / "pyvenv.cfg").is_file():
            return candidate
    return Path(sys.executable)


def libraries(root: Path) -> tuple[Path, ...]:
    """site-packages of that interpreter, found without starting it."""
    return tuple(
        site
        for base in interpreter_paths(project_python(root))
        for pattern in ("lib/python3.*/site-packages", "Lib/site-packages", "lib/python3/dist-packages")
        for site in base.glob(pattern)
    )


def find_program(name: str, root: Path, *, trusted: bool) -> Program | None:
    """The workspace's own copy where it is trusted, else the one that the user installed."""
    if trusted:
        for folder in (root / ".venv" / SCRIPTS, root / "venv" / SCRIPTS, root / "node_modules" / ".bin"):
            if (folder / name).is_file():
                return Program(folder / name, (folder.parent, *_behind(folder / name)), ours=False)
    beside = str(Path(sys.executable).parent)
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), beside]))
    if found is None or (Path(found).resolve().is_relative_to(root.resolve()) and not trusted):
        return None
    path = Path(found)
    return Program(path, tuple(_behind(path)), ours=True)


def tool_environment(program: Program, copy: Path) -> dict[str, str]:
    """What compilers, package tools and runners need to find in the sandbox, where there is no network.

    They write more than fits into the sandbox's own /tmp: theirs is in the scratch copy.
    """
    temporary = copy / ".sidesight-tmp"
    temporary.mkdir(exist_ok=True)
    home = Path.home()
    modules = Path(os.environ.get("GOMODCACHE") or home / "go" / "pkg" / "mod")
    held = {"PATH": f"{program.path.parent}:/usr/local/bin:/usr/bin:/bin", "CI": "1", "NO_COLOR": "1"}
    held["TMPDIR"] = str(temporary)
    held |= {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOPROXY": "off", "GOMODCACHE": str(modules)}
    # Rustup and Cargo look for their own; those of a distribution have none, and make one in the scratch copy.
    places = {"CARGO_HOME": home / ".cargo", "RUSTUP_HOME": Path(os.environ.get("RUSTUP_HOME") or home / ".rustup")}
    if program.path.is_relative_to(home / ".cargo"):
        held |= {name: str(place) for name, place in places.items()}
    return held


def _behind(path: Path) -> list[Path]:
    """Directories that a program reads besides the system's: its own, its interpreter's, a toolchain's."""
    places = [path.parent, path.resolve().parent]
    try:
        with path.open("rb") as stream:
            first = stream.readline(256)
    except OSError:
        first = b""
    if first.startswith(b"#!") and b"python" in first:
        places += interpreter_paths(Path(os.fsdecode(first[2:].split()[0])))
    if path.is_relative_to(Path.home() / ".cargo"):  # not all of it: the registry's token lies there too
        places += [Path.home() / ".cargo" / name for name in ("bin", "registry", "git")] + [Path.home() / ".rustup"]
    return [place for place in places if place.is_dir()]

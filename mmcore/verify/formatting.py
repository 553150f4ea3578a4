"""The project's own formatter, run on the lines that a change made."""

from __future__ import annotations

import difflib
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mmcore.errors import DocumentError
from mmcore.types import Document
from mmcore.verify.linters import SCRIPT
from mmcore.verify.result import CheckResult, Outcome, timed
from mmcore.verify.sandbox import Limits, run
from mmcore.verify.scratch import inside, read_back, scratch_copy
from mmcore.verify.toolchain import Program, find_program, tool_environment

TIMEOUT_S = 15.0
RANGED = frozenset({"ruff", "black"})  # told which lines; the others lay out whole files


def format_change(document: Document, after: str, root: Path, *, trusted: bool) -> tuple[str, CheckResult | None]:
    """`after` with its changed lines formatted as the project does, and what happened; None where no formatter is set.

    Only programs that the user installed are started as they are. Prettier, which runs what the workspace configures,
    runs in the sandbox, in a trusted workspace.
    """
    formatter = _formatter(document, root)
    if formatter is None:
        return after, None
    made: list[str] = [after]

    def check() -> Outcome:
        if formatter == "prettier" and not trusted:
            return "could_not_run", "prettier can run the workspace's own code; trust the workspace to allow it"
        program = find_program(formatter, root, trusted=formatter == "prettier")
        if program is None:
            return "could_not_run", f"{formatter} is configured but not installed"
        first, last = changed_lines(document.text, after)
        try:
            if formatter == "prettier":
                text, complaint = _boxed(program, document, after, root)
            else:
                text, complaint = _piped(program, formatter, document, after, root)
        except (OSError, subprocess.SubprocessError, UnicodeError, DocumentError) as error:
            return "could_not_run", f"{formatter}: {error}"
        if complaint or not text.strip():
            return "could_not_run", complaint.strip().split("\n")[0][:300]
        made[0] = text if formatter in RANGED else within(after, text, first, last)
        return "passed", "" if made[0] == after else f"{formatter} changed the layout"

    result = timed("formatted", check)
    return made[0], result


def _piped(program: Program, formatter: str, document: Document, after: str, root: Path) -> tuple[str, str]:
    """What the formatter makes of it, and what it complains of."""
    first, last = changed_lines(document.text, after)
    path = str(document.path or root / f"untitled.{document.language}")
    command = [str(program.path), *_arguments(formatter, path, first, last, root)]
    ran = subprocess.run(command, cwd=root, input=after.encode(), capture_output=True, timeout=TIMEOUT_S, check=False)
    return ran.stdout.decode(), ran.stderr.decode("utf-8", "replace") if ran.returncode else ""


def _boxed(program: Program, document: Document, after: str, root: Path) -> tuple[str, str]:
    if document.path is None:
        return "", "the document has not been saved anywhere"
    relative = inside(root, document.path)
    modules = root / "node_modules"
    with scratch_copy(root, {document.path: after}) as copy:
        if modules.is_dir():
            (copy / "node_modules").symlink_to(modules)
        ran = run(
            [str(program.path), "--write", "--log-level=warn", str(relative)],
            copy,
            limits=Limits(seconds=TIMEOUT_S, address_space_mb=None, processes=128),
            readonly=[*program.readonly, *([modules] if modules.is_dir() else [])],
            environment=tool_environment(program, copy),
        )
        return read_back(copy, relative), (ran.ended_for or ran.output or "it failed") if ran.status else ""


def changed_lines(before: str, after: str) -> tuple[int, int]:
    """First and last line of `after`, 1-based, that a change made; an empty change is at line 1."""
    old, new = before.splitlines(), after.splitlines()
    start = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    tail = next(
        (n for n, (a, b) in enumerate(zip(reversed(old), reversed(new), strict=False)) if a != b),
        min(len(old), len(new)),
    )
    return start + 1, max(start + 1, len(new) - min(tail, len(new) - start))


def _formatter(document: Document, root: Path) -> str | None:
    pyproject = _text_of(root / "pyproject.toml")
    if document.language == "python":
        if "[tool.black]" in pyproject:
            return "black"
        if "[tool.ruff" in pyproject or (root / "ruff.toml").is_file() or (root / ".ruff.toml").is_file():
            return "ruff"
    if document.language == "rust" and (root / "Cargo.toml").is_file():
        return "rustfmt"
    if document.language == "go" and (root / "go.mod").is_file():
        return "gofmt"
    if document.language in SCRIPT and (
        '"prettier"' in _text_of(root / "package.json")
        or any(root.glob(".prettierrc*"))
        or any(root.glob("prettier.c*"))
    ):
        return "prettier"
    return None


def _arguments(formatter: str, path: str, first: int, last: int, root: Path) -> Sequence[str]:
    if formatter == "ruff":
        return ("format", "--no-cache", "--quiet", "--stdin-filename", path, "--range", f"{first}-{last + 1}", "-")
    if formatter == "black":
        return ("--quiet", "--stdin-filename", path, "--line-ranges", f"{first}-{last}", "-")
    if formatter == "rustfmt":
        edition = re.search(r'^edition\s*=\s*"(\d{4})"', _text_of(root / "Cargo.toml"), re.M)
        return ("--edition", edition[1] if edition else "2021")
    return ()


def within(after: str, formatted: str, first: int, last: int) -> str:
    """`after` with those changes of its layout that touch lines `first` to `last` (1-based) only."""
    old, new = after.splitlines(keepends=True), formatted.splitlines(keepends=True)
    made: list[str] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        made += new[c:d] if kind != "equal" and a >= first - 1 and b <= last else old[a:b]
    return "".join(made)


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""

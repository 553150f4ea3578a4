"""The project's own formatter, run on the lines that a change made."""

from __future__ import annotations

import difflib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mmcore.types import Document
from mmcore.verify.result import CheckResult, Outcome, timed
from mmcore.verify.toolchain import find_program

TIMEOUT_S = 15.0


def format_change(document: Document, after: str, root: Path) -> tuple[str, CheckResult | None]:
    """`after` with its changed lines formatted as the project does, and what happened; None where no formatter is set.

    Only programs that the user installed are started: a formatter from inside the workspace would be its author's code.
    """
    formatter = _formatter(document, root)
    if formatter is None:
        return after, None
    made: list[str] = [after]

    def check() -> Outcome:
        program = find_program(formatter, root, trusted=False)
        if program is None:
            return "could_not_run", f"{formatter} is configured but not installed"
        first, last = changed_lines(document.text, after)
        path = str(document.path or root / f"untitled.{document.language}")
        command = [str(program.path), *_arguments(formatter, path, first, last)]
        try:
            ran = subprocess.run(
                command, cwd=root, input=after.encode(), capture_output=True, timeout=TIMEOUT_S, check=False
            )
            text = ran.stdout.decode()
        except (OSError, subprocess.SubprocessError, UnicodeError) as error:
            return "could_not_run", f"{formatter}: {error}"
        if ran.returncode or not text.strip():
            return "could_not_run", ran.stderr.decode("utf-8", "replace").strip().split("\n")[0][:300]
        if formatter in WHOLE_FILE and not _kept(document.text, after, text):
            return "passed", f"{formatter} would change other lines too; left as it is"
        made[0] = text
        return "passed", "" if text == after else f"{formatter} changed the layout"

    result = timed("formatted", check)
    return made[0], result


WHOLE_FILE = frozenset({"rustfmt", "gofmt"})


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
    return None


def _arguments(formatter: str, path: str, first: int, last: int) -> Sequence[str]:
    if formatter == "ruff":
        return ("format", "--no-cache", "--quiet", "--stdin-filename", path, "--range", f"{first}-{last + 1}", "-")
    if formatter == "black":
        return ("--quiet", "--stdin-filename", path, "--line-ranges", f"{first}-{last}", "-")
    return ()


def _kept(before: str, after: str, formatted: str) -> bool:
    """The formatter changed nothing that the edit had left alone."""
    lines = after.splitlines()
    first, last = changed_lines(before, after)
    blocks = difflib.SequenceMatcher(None, lines, formatted.splitlines(), autojunk=False).get_opcodes()
    return all(kind == "equal" or (begin >= first - 1 and end <= last) for kind, begin, end, _, _ in blocks)


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""

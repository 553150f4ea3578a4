"""Where projects keep their tests, by the conventions of each language's runners."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from mmcore.syntax import symbols

SKIPPED = frozenset({".git", ".venv", "venv", "node_modules", "site-packages", "target", "dist", "build", "vendor"})
SCRIPT_TEST = re.compile(r".+\.(test|spec)\.[cm]?[jt]sx?")
PYTHON_TEST = re.compile(r"test_.+\.py|.+_test\.py")


def python_tests(root: Path) -> Iterator[Path]:
    yield from _matching(root, PYTHON_TEST, "*.py")


def script_tests(root: Path) -> Iterator[Path]:
    yield from _matching(root, SCRIPT_TEST, "*.*")


def rust_sources(root: Path) -> Iterator[Path]:
    """Unit tests stand in the sources, integration tests in a folder of their own."""
    yield from _matching(root, re.compile(r".+\.rs"), "*.rs")


def covering(path: Path, language: str, root: Path, name: str) -> Iterator[str]:
    """Targets, as `runners.Runner` takes them, of the tests that mention `name` of the file `path`."""
    wanted = re.compile(rf"\b{re.escape(name or path.stem)}\b")
    if language == "rust":
        for source in rust_sources(root):
            for test in _functions(source, "rust"):
                if wanted.search(test[1]):
                    yield test[0]
    elif language == "go":
        package = path.resolve().parent.relative_to(root.resolve()).as_posix()
        for source in sorted(path.parent.glob("*_test.go")):
            for test in _functions(source, "go"):
                if test[0].startswith("Test") and wanted.search(test[1]):
                    yield f"./{package}::{test[0]}"
    else:
        module = re.compile(rf"['\"][^'\"]*\b{re.escape(path.stem)}(\.[cm]?[jt]sx?)?['\"]")
        for source in script_tests(root):
            text = _read(source)
            if module.search(text) and wanted.search(text):
                yield source.resolve().relative_to(root.resolve()).as_posix()


def _functions(source: Path, language: str) -> Iterator[tuple[str, str]]:
    """Name and body of each test function."""
    text = _read(source)
    for symbol in symbols(text, language):
        before = text[: symbol.start].rstrip()
        if symbol.kind == "function" and (language != "rust" or re.search(r"#\[[\w:]*test[^\n]*\]$", before)):
            yield symbol.name, text[symbol.start : symbol.end]


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _matching(root: Path, name: re.Pattern[str], pattern: str) -> Iterator[Path]:
    """Nearest folders first."""
    for path in sorted(_files(root, pattern), key=lambda path: (len(path.parts), path)):
        if name.fullmatch(path.name):
            yield path


def _files(root: Path, pattern: str) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED]
        yield from (Path(folder) / name for name in names if fnmatch(name, pattern))

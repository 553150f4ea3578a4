"""The linters and type checkers that we can drive: which project asks for one, how it is called, what it prints."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmcore.types import Edit, Position, Range


@dataclass(frozen=True, slots=True)
class Finding:
    """One diagnostic of a tool; `line` is 1-based. `remedy` is what the tool itself would do about it."""

    path: str
    line: int
    rule: str
    message: str
    remedy: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Linter:
    """`files`: any of these in the root asks for the tool. `sections`: likewise, text in a shared settings file."""

    name: str
    languages: frozenset[str]
    files: tuple[str, ...]
    sections: tuple[tuple[str, str], ...]
    arguments: tuple[str, ...]
    read: Callable[[str], list[Finding]]
    per_file: bool = True

    def configured(self, root: Path) -> bool:
        return any((root / name).is_file() for name in self.files) or any(
            text in _text_of(root / name) for name, text in self.sections
        )


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _ruff(output: str) -> list[Finding]:
    return [
        Finding(
            item["filename"],
            item["location"]["row"],
            item["code"] or "syntax",
            item["message"],
            tuple(_ruff_edit(edit) for edit in (item.get("fix") or {}).get("edits", ())),
        )
        for item in json.loads(output or "[]")
    ]


def _ruff_edit(edit: dict[str, Any]) -> Edit:
    """Rows and columns from 1, columns in code points."""
    begin, end = (Position(edit[k]["row"] - 1, edit[k]["column"] - 1) for k in ("location", "end_location"))
    return Edit(Range(begin, end), edit["content"])


def _mypy(output: str) -> list[Finding]:
    found = re.finditer(r"^(.+?):(\d+):(?:\d+:)? error: (.*?)(?:\s+\[([\w-]+)\])?$", output, re.M)
    return [Finding(m[1], int(m[2]), m[4] or "error", m[3]) for m in found]


def _pyright(output: str) -> list[Finding]:
    return [
        Finding(item["file"], item["range"]["start"]["line"] + 1, item.get("rule", "error"), item["message"])
        for item in json.loads(output)["generalDiagnostics"]
        if item["severity"] == "error"
    ]


def _eslint(output: str) -> list[Finding]:
    return [
        Finding(file["filePath"], item.get("line") or 0, item["ruleId"] or "syntax", item["message"])
        for file in json.loads(output)
        for item in file["messages"]
    ]


def _tsc(output: str) -> list[Finding]:
    found = re.finditer(r"^(.+?)\((\d+),\d+\): error (TS\d+): (.*)$", output, re.M)
    return [Finding(m[1], int(m[2]), m[3], m[4]) for m in found]


def _cargo(output: str) -> list[Finding]:
    found = []
    for line in output.splitlines():
        item = json.loads(line) if line.startswith("{") else {}
        message = item.get("message") if item.get("reason") == "compiler-message" else None
        if message and message["level"] in ("error", "warning") and message["spans"]:
            span, code = message["spans"][0], (message["code"] or {}).get("code", message["level"])
            found.append(Finding(span["file_name"], span["line_start"], code, message["message"]))
    return found


def _vet(output: str) -> list[Finding]:
    found = re.finditer(r"^(?:vet: )?(.+?\.go):(\d+):(?:\d+:)? (.*)$", output, re.M)
    return [Finding(m[1], int(m[2]), "vet", m[3]) for m in found]


PYTHON = frozenset({"python"})
SCRIPT = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact"})
PYPROJECT = "pyproject.toml"
ESLINT_FILES = tuple(f"eslint.config.{end}" for end in ("js", "mjs", "cjs", "ts")) + tuple(
    f".eslintrc{end}" for end in ("", ".js", ".cjs", ".json", ".yml", ".yaml")
)

LINTERS = (
    Linter(
        *("ruff", PYTHON, ("ruff.toml", ".ruff.toml"), ((PYPROJECT, "[tool.ruff"),)),
        *(("check", "--output-format=json", "--no-cache", "--quiet", "--stdin-filename"), _ruff),
    ),
    Linter(
        *("mypy", PYTHON, ("mypy.ini", ".mypy.ini"), ((PYPROJECT, "[tool.mypy]"), ("setup.cfg", "[mypy]"))),
        *(("--no-error-summary", "--no-color-output", "--show-error-codes", "--cache-dir=/dev/null"), _mypy),
    ),
    Linter(
        *("pyright", PYTHON, ("pyrightconfig.json",), ((PYPROJECT, "[tool.pyright]"),), ("--outputjson",), _pyright),
    ),
    Linter("eslint", SCRIPT, ESLINT_FILES, (("package.json", '"eslintConfig"'),), ("--format", "json"), _eslint),
    Linter(
        *("tsc", SCRIPT, ("tsconfig.json",), (), ("--noEmit", "--pretty", "false", "--incremental", "false"), _tsc),
        per_file=False,
    ),
    Linter(
        *("cargo", frozenset({"rust"}), ("Cargo.toml",), (), ("check", "--offline", "--message-format=json"), _cargo),
        per_file=False,
    ),
    Linter("go", frozenset({"go"}), ("go.mod",), (), ("vet", "./..."), _vet, per_file=False),
)

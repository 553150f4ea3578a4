"""Write a folder's README: what is in it is taken from the code, what it is for in the model's words."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmcore.actions.examine import Candidate
from mmcore.actions.outcome import conclude
from mmcore.actions.public import is_public
from mmcore.actions.request import Outcome, Request, Tools
from mmcore.actions.speak import speak, total
from mmcore.context.document import read_document
from mmcore.edits.diff import line_edits
from mmcore.edits.section import set_section
from mmcore.errors import DocumentError, InputError
from mmcore.prompt.actions.document import read_slots, render_document, sentence
from mmcore.syntax import symbols
from mmcore.types import Document, Usage
from mmcore.verify.applies import check_applies
from mmcore.verify.result import CheckResult
from mmcore.verify.stopping import in_thread
from mmcore.verify.test_files import PYTHON_TEST, SCRIPT_TEST

HEADING = "Contents"
LANGUAGES = frozenset({"python", "javascript", "javascriptreact", "typescript", "typescriptreact", "rust", "go"})
MOST_FILES = 24
MOST_NAMES = 10
MAX_CODE = 3000


@dataclass(frozen=True, slots=True)
class _Part:
    """One file of the folder: its public names as written there, and what it says of itself, "" for nothing."""

    document: Document
    names: tuple[str, ...]
    said: str


async def describe(tools: Tools, request: Request) -> Outcome:
    """A README for the folder of `request.document`, whose section “Contents” is ours; the rest of one stays.

    Files that say in a docstring what they are for are taken at their word, the model is asked about the others and
    about the whole. Raises InputError for a folder without code; EngineError.
    """
    path = request.document.path
    assert path is not None
    parts = await in_thread(_parts, path.parent)
    if not parts:
        raise InputError(f"{path.parent} holds no code that could be described")
    usage, lines, asked = Usage(), list[str](), 0
    for number, part in enumerate(parts, 1):
        purpose = part.said
        if not purpose:
            tools.say(f"reading {part.document.path.name if part.document.path else ''} ({number} of {len(parts)})")
            code = part.document.text[:MAX_CODE]
            said = await speak(tools, render_document(code, part.document.language, ["SUMMARY"], request.instruction))
            usage, asked = total(usage, said.usage), asked + 1
            purpose = read_slots(said.text, ["SUMMARY"]).get("SUMMARY", "")
        lines.append(_line(part, purpose))
    section = "\n".join(lines)
    text = request.document.text
    tools.say("describing the folder")
    if not text.strip():
        said = await speak(tools, render_document(section, "markdown", ["SUMMARY"], request.instruction))
        usage = total(usage, said.usage)
        summary = read_slots(said.text, ["SUMMARY"]).get("SUMMARY", "")
        text = f"# {path.parent.resolve().name}\n\n{summary}\n" if summary else f"# {path.parent.resolve().name}\n"
    after = set_section(text, HEADING, section)
    document = request.document
    checks = [check_applies(document, line_edits(document.text, after), after, document.version)]
    checks.append(CheckResult("facts", "passed", f"{len(parts)} files and their public names are taken from the code"))
    where = replace(request, document=document)
    outcome = conclude(where, [Candidate(after, tuple(checks))], usage, f"describe {path.parent.name}")
    return replace(outcome, candidates=asked + 1)


def _parts(folder: Path) -> list[_Part]:
    """Source files of the folder, tests and empty ones left out; then those of packages in it, by their own file."""
    found = [part for path in sorted(folder.iterdir()) if path.is_file() for part in _part(path)]
    for inner in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        for name in ("__init__.py", "mod.rs", "index.ts", "index.js"):
            if (inner / name).is_file():
                found += _part(inner / name)
    return found[:MOST_FILES]


def _part(path: Path) -> Iterator[_Part]:
    try:
        document = read_document(path)
    except DocumentError:
        return  # not text, or not ours to read
    tests = PYTHON_TEST.fullmatch(path.name) or SCRIPT_TEST.fullmatch(path.name) or path.name.endswith("_test.go")
    if document.language not in LANGUAGES or tests or not document.text.strip():
        return
    text = document.text
    outer = [s for s in symbols(text, document.language) if is_public(text, document.language, s)]
    outer = [s for s in outer if not any(o.start <= s.start and s.end <= o.end and o != s for o in outer)]
    yield _Part(document, tuple(dict.fromkeys(s.name for s in outer)), _purpose(document))


def _purpose(document: Document) -> str:
    """The first paragraph of what the file says of itself."""
    text = document.text
    if document.language == "python":
        try:
            said = ast.get_docstring(ast.parse(text)) or ""
        except (SyntaxError, ValueError, RecursionError):
            return ""
    else:
        mark = "//!" if document.language == "rust" else "//"
        lines = [line.removeprefix(mark).strip() for line in _leading(text.split("\n"), mark)]
        said = "\n".join(lines)
    return sentence(" ".join(said.split("\n\n")[0].split())) if said.strip() else ""


def _leading(lines: Sequence[str], mark: str) -> Iterator[str]:
    for line in lines:
        if not line.startswith(mark):
            return
        yield line


def _line(part: _Part, purpose: str) -> str:
    path = part.document.path
    assert path is not None
    name = f"{path.parent.name}/" if path.stem in ("__init__", "mod", "index") else path.name
    shown = ", ".join(f"`{symbol}`" for symbol in part.names[:MOST_NAMES])
    shown += f" and {len(part.names) - MOST_NAMES} more" if len(part.names) > MOST_NAMES else ""
    return f"- `{name}`" + (f": {purpose}" if purpose else "") + (f" Has {shown}." if shown else "")

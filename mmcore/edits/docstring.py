"""Write a Python docstring in one of the three common styles, and put it where it belongs."""

from __future__ import annotations

import ast
import re
import textwrap
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from mmcore.edits.lines import margin, split_lines, unit_of
from mmcore.text import newline_of

Style = Literal["google", "numpy", "sphinx"]
WIDTH = 88

# PEP 257; https://google.github.io/styleguide/pyguide.html#38-comments-and-docstrings;
# https://numpydoc.readthedocs.io/en/latest/format.html; https://www.sphinx-doc.org (field lists).
MARKS: dict[Style, re.Pattern[str]] = {
    "google": re.compile(r"^\s*(Args|Arguments|Returns|Raises|Yields|Attributes):\s*$", re.M),
    "numpy": re.compile(r"^\s*(Parameters|Returns|Raises|Yields)\s*\n\s*-{4,}", re.M),
    "sphinx": re.compile(r"^\s*:(param|return|returns|raises|rtype|type)\b", re.M),
}


@dataclass(frozen=True, slots=True)
class Doc:
    """What a docstring says. Entries are (name, type, sentence); types are "" where none is written."""

    summary: str
    parameters: tuple[tuple[str, str, str], ...] = ()
    returns: tuple[str, str] | None = None
    yields: tuple[str, str] | None = None
    raises: tuple[tuple[str, str], ...] = ()


def style_of(texts: Iterable[str], default: Style = "google") -> Style:
    """The style that most docstrings in these Python texts have."""
    seen: Counter[Style] = Counter()
    for text in texts:
        for style, mark in MARKS.items():
            seen[style] += len(mark.findall(text))
    best = seen.most_common(1)
    return best[0][0] if best and best[0][1] else default


def render(doc: Doc, style: Style, width: int = WIDTH) -> str:
    """The docstring's text, without quotes and indentation, LF only."""
    lines = _wrap(doc.summary, width, "")
    sections = {"google": _google, "numpy": _numpy, "sphinx": _sphinx}[style](doc, width)
    if sections:
        lines += ["", *sections]
    return "\n".join(lines)


def _google(doc: Doc, width: int) -> list[str]:
    lines: list[str] = []

    def section(title: str, entries: list[tuple[str, str]]) -> None:
        if entries:
            lines.extend([*([""] if lines else []), f"{title}:"])
            for head, text in entries:
                lines.extend(_wrap(f"{head}: {text}" if head else text, width, "    ", "        "))

    section("Args", [(f"{name} ({kind})" if kind else name, text) for name, kind, text in doc.parameters])
    for title, value in (("Returns", doc.returns), ("Yields", doc.yields)):
        section(title, [value] if value else [])
    section("Raises", list(doc.raises))
    return lines


def _numpy(doc: Doc, width: int) -> list[str]:
    lines: list[str] = []

    def section(title: str, entries: list[tuple[str, str]]) -> None:
        if entries:
            lines.extend([*([""] if lines else []), title, "-" * len(title)])
            for head, text in entries:
                lines.extend([head, *_wrap(text, width, "    ")])

    section("Parameters", [(f"{name} : {kind}" if kind else name, text) for name, kind, text in doc.parameters])
    for title, value in (("Returns", doc.returns), ("Yields", doc.yields)):
        section(title, [(value[0] or "object", value[1])] if value else [])
    section("Raises", list(doc.raises))
    return lines


def _sphinx(doc: Doc, width: int) -> list[str]:
    entries = []
    for name, kind, text in doc.parameters:
        entries.append(f":param {name.lstrip('*')}: {text}")
        entries += [f":type {name.lstrip('*')}: {kind}"] if kind else []
    for word, value in (("return", doc.returns), ("yield", doc.yields)):
        if value:
            entries.append(f":{word}: {value[1]}")
            entries += [f":rtype: {value[0]}"] if value[0] else []
    entries += [f":raises {name}: {text}" for name, text in doc.raises]
    return [line for entry in entries for line in _wrap(entry, width, "", "    ")]


def _wrap(text: str, width: int, first: str, rest: str | None = None) -> list[str]:
    rest = first if rest is None else rest
    wrapped = textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
    return wrapped or [first.rstrip()]


def set_docstring(text: str, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, doc: str) -> str | None:
    """`text` with `doc` as the docstring of `node`, which was parsed from it.

    None where the body stands on the line of its head (`def f(): return 1`): there the code would have to move.
    """
    lines = split_lines(text)
    newline = newline_of(text)
    body = node.body[0]
    old = isinstance(body, ast.Expr) and isinstance(body.value, ast.Constant) and isinstance(body.value.value, str)
    assert body.end_lineno is not None
    if body.lineno == node.lineno or lines[body.lineno - 1][: _column(lines, body)].strip(" \t"):
        return None
    first = min([body.lineno, *(d.lineno for d in getattr(body, "decorator_list", []))])
    base = margin(lines[first - 1]) or margin(lines[node.lineno - 1]) + unit_of(text)
    quoted = quote(doc, base, newline)
    if not old:
        after = newline if isinstance(node, ast.ClassDef) else ""  # as formatters want it
        return "".join([*lines[: first - 1], quoted + newline + after, *lines[first - 1 :]])
    last = lines[body.end_lineno - 1]
    rest = last.encode()[body.end_col_offset :].decode()
    return "".join([*lines[: first - 1], quoted + rest, *lines[body.end_lineno :]])


def lacks_docstring(text: str) -> bool:
    """Whether a module has code and no docstring; False where it does not parse."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return bool(tree.body) and ast.get_docstring(tree) is None


def set_module_docstring(text: str, doc: str) -> str:
    """`text`, which has none, with `doc` before its first statement and after the comments that it begins with."""
    lines = split_lines(text)
    newline = newline_of(text)
    at = 0
    while at < len(lines) and lines[at].startswith("#"):
        at += 1
    before = [newline] if at else []
    after = [newline] if lines[at : at + 1] and lines[at].strip() else []
    return "".join([*lines[:at], *before, quote(doc, "", newline) + newline, *after, *lines[at:]])


def _column(lines: list[str], node: ast.stmt) -> int:
    return len(lines[node.lineno - 1].encode()[: node.col_offset].decode())


def quote(doc: str, base: str, newline: str) -> str:
    r"""The docstring as source: escaped, indented; quotes on a line of their own where it has several lines."""
    doc = doc.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    lines = doc.split("\n")
    if len(lines) == 1:
        closing = " " if doc.endswith('"') else ""
        return f'{base}"""{doc}{closing}"""'
    return newline.join([f'{base}"""{lines[0]}', *(base + line if line else "" for line in lines[1:]), f'{base}"""'])

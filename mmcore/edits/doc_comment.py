"""Write a documentation comment before a definition: JSDoc, rustdoc, Go."""

from __future__ import annotations

import re
import textwrap

from mmcore.edits.docstring import Doc
from mmcore.edits.lines import margin
from mmcore.text import newline_of

WIDTH = 88
JSDOC = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact"})
# A comment that is the definition's own: it ends on the line above.
OLD = {
    "jsdoc": re.compile(r"/\*\*(?:(?!\*/).)*\*/[ \t]*\r?\n[ \t]*$", re.S),
    "rust": re.compile(r"(?:^[ \t]*///[^\n]*\n)+[ \t]*$", re.M),
    "go": re.compile(r"(?:^[ \t]*//[^\n]*\n)+[ \t]*$", re.M),
}


def has_comments(language: str) -> bool:
    return language in JSDOC or language in ("rust", "go")


def set_comment(text: str, language: str, start: int, name: str, doc: Doc) -> str:
    """`text` with `doc` as the comment of what begins at code point `start`; one that was there is replaced."""
    line = max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1
    base = margin(text[line:start])
    head = text[: line + len(base)]
    kind = "jsdoc" if language in JSDOC else language
    old = OLD[kind].search(head)
    if old:
        begin = old.start() if kind != "jsdoc" else old.start() - len(_margin_before(head, old.start()))
        head = head[:begin] + base
    lines = {"jsdoc": _jsdoc, "rust": _rust, "go": _go}[kind](doc, name)
    newline = newline_of(text)
    comment = newline.join(line.rstrip() if not i else (base + line).rstrip() for i, line in enumerate(lines))
    return head + comment + newline + base + text[line + len(base) :]


def _margin_before(text: str, at: int) -> str:
    return text[text.rfind("\n", 0, at) + 1 : at]


def _jsdoc(doc: Doc, name: str) -> list[str]:
    """https://jsdoc.app"""
    body = _wrap(doc.summary)
    tags = [f"@param {f'{{{kind}}} ' if kind else ''}{parameter} - {text}" for parameter, kind, text in doc.parameters]
    if doc.returns:
        tags.append(f"@returns {f'{{{doc.returns[0]}}} ' if doc.returns[0] else ''}{doc.returns[1]}")
    tags += [f"@throws {{{kind}}} {text}" for kind, text in doc.raises]
    if tags:
        body += ["", *(line for tag in tags for line in _wrap(tag, "  "))]
    return ["/**", *(f" * {line}".rstrip() for line in body), " */"]


def _rust(doc: Doc, name: str) -> list[str]:
    """https://doc.rust-lang.org/rustdoc/how-to-write-documentation.html"""
    body = _wrap(doc.summary)
    if doc.parameters:
        body += ["", "# Arguments", ""]
        body += [line for p, _, text in doc.parameters for line in _wrap(f"* `{p}` - {text}", "  ")]
    if doc.returns:
        body += ["", "# Returns", "", *_wrap(doc.returns[1])]
    return [f"/// {line}".rstrip() for line in body]


def _go(doc: Doc, name: str) -> list[str]:
    """https://go.dev/doc/comment: prose that begins with the name."""
    summary = doc.summary
    if not summary.startswith(f"{name} "):
        words = summary.split(" ", 1)
        summary = " ".join([name, words[0].lower(), *words[1:]])
    prose = [summary, *(f"The parameter {p} is: {text}" for p, _, text in doc.parameters)]
    if doc.returns:
        prose.append(f"It returns: {doc.returns[1]}")
    return [f"// {line}".rstrip() for line in _wrap(" ".join(prose))]


def _wrap(text: str, hanging: str = "") -> list[str]:
    text = text.replace("*/", "* /")
    return textwrap.wrap(text, WIDTH, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False) or [""]

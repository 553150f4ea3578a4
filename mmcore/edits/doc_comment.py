"""Write a documentation comment before a definition: JSDoc, rustdoc, Go."""

from __future__ import annotations

import re
import textwrap

from mmcore.edits.docstring import Doc
from mmcore.edits.lines import margin
from mmcore.text import newline_of

WIDTH = 88
JSDOC = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact"})
# What stands between a comment and its definition: attributes, decorators.
BETWEEN = {"rust": re.compile(r"[ \t]*#\[.*\][ \t]*"), "jsdoc": re.compile(r"[ \t]*@[\w.]+(?:\(.*\))?[ \t]*")}
# A comment that is the definition's own: it ends on the line above.
OLD = {
    "jsdoc": re.compile(r"/\*\*(?:(?!\*/).)*\*/[ \t]*\r?\n[ \t]*$", re.S),
    "rust": re.compile(r"(?:^[ \t]*///[^\n]*\n)+[ \t]*$", re.M),
    "go": re.compile(r"(?:^[ \t]*//[^\n]*\n)+[ \t]*$", re.M),
}


def has_comments(language: str) -> bool:
    return language in JSDOC or language in ("rust", "go")


def has_comment(text: str, language: str, start: int) -> bool:
    """Whether what begins at code point `start` is documented."""
    kind = "jsdoc" if language in JSDOC else language
    line = _first_line(text, text.rfind("\n", 0, start) + 1, kind)
    return OLD[kind].search(text[:line] + margin(text[line:].split("\n")[0])) is not None


def set_comment(text: str, language: str, start: int, name: str, doc: Doc) -> str:
    """`text` with `doc` as the comment of what begins at code point `start`; one that was there is replaced."""
    kind = "jsdoc" if language in JSDOC else language
    line = _first_line(text, max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1, kind)
    base = margin(text[line:].split("\n")[0])
    head = text[: line + len(base)]
    old = OLD[kind].search(head)
    if old:
        begin = old.start() if kind != "jsdoc" else old.start() - len(_margin_before(head, old.start()))
        head = head[:begin] + base
    lines = {"jsdoc": _jsdoc, "rust": _rust, "go": _go}[kind](doc, name)
    newline = newline_of(text)
    comment = newline.join(line.rstrip() if not i else (base + line).rstrip() for i, line in enumerate(lines))
    return head + comment + newline + base + text[line + len(base) :]


def _first_line(text: str, line: int, kind: str) -> int:
    """Where the attributes or decorators of the definition that begins on the line at offset `line` begin."""
    between = BETWEEN.get(kind)
    while between and line:
        above = text.rfind("\n", 0, line - 1) + 1
        if not between.fullmatch(text[above:line].rstrip("\r\n")):
            break
        line = above
    return line


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
    for title, kind in (("Errors", "Err"), ("Panics", "panic")):
        body += [line for raised, text in doc.raises if raised == kind for line in ("", f"# {title}", "", *_wrap(text))]
    return [f"/// {line}".rstrip() for line in body]


def _go(doc: Doc, name: str) -> list[str]:
    """https://go.dev/doc/comment: a sentence that begins with the name, lists of indented hyphens."""
    summary = doc.summary
    if not summary.startswith(f"{name} "):
        verb, _, rest = summary.partition(" ")
        summary = f"{name} {third_person(verb)} {rest}".rstrip()
    body = _wrap(summary)
    if doc.parameters:
        body += ["", "Parameters:"]
        body += [line for p, _, text in doc.parameters for line in _wrap(f"  - {p}: {text}", "    ")]
    if doc.returns:
        body += ["", *_wrap(f"Returns: {doc.returns[1]}")]
    return [f"// {line}".rstrip() for line in body]


def third_person(verb: str) -> str:
    """\"Calculate\" as what a function does: "calculates"; a word that is so already is left."""
    word = verb[:1].lower() + verb[1:]
    if not word.isalpha() or re.search(r"[^s]s$", word) or word == "is":
        return word
    if re.search(r"(?:[sxzo]|ch|sh)$", word):
        return f"{word}es"
    return f"{word[:-1]}ies" if re.search(r"[^aeiou]y$", word) else f"{word}s"


def _wrap(text: str, hanging: str = "") -> list[str]:
    text = text.replace("*/", "* /")
    return textwrap.wrap(text, WIDTH, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False) or [""]

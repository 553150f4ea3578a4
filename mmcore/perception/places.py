"""The ways in which tools print a place in a file: one pattern each, and what they have in common."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum, auto

from mmcore.types import Frame

# A path ends in an extension, or is one of the names that need none; a browser or a bundler puts a scheme before it.
_SCHEME = r"(?:file://|https?://[\w.\-]+(?::\d+)?/|webpack(?:-internal)?://+|package:)?"
_ROOT = r"(?:(?<![A-Za-z])[A-Za-z]:[\\/]|~/|\.{0,2}/)?"
_NAMED = r"(?:Makefile|Dockerfile|Gemfile|Rakefile|Jenkinsfile)"
_NAME = rf"{_ROOT}(?:[\w@.+\-\\/\[\]$]*[\w\])]\.[A-Za-z][A-Za-z0-9]{{0,5}}|[\w@.+\-\\/]*\b{_NAMED})"
_PATH = rf"{_SCHEME}(?P<path>{_NAME})"
_QUERY = r"(?:\?[\w=&.%\-]*)?"
_LINE_WORD = r"[l1I|]ine"
# A reader takes 1 for l and 0 for O, though seldom all digits of a number.
_ANY_DIGITS = r"[\dOolI]{1,6}\b"
_NUMBER = rf"(?=[OolI]{{0,5}}\d){_ANY_DIGITS}"
_COLUMN = _ANY_DIGITS
_FILE_WORD = r"\bFi[l1I|]e"
_QUOTES = r"[\"'“”`´]{1,2}"
_DIGITS = str.maketrans("OoIl", "0011")


class Style(Enum):
    """What a pattern tells of the frames that follow and of the message that belongs to it."""

    OUTERMOST_FIRST = auto()
    INNERMOST_FIRST = auto()
    # A path and a line, and no more: pytest prints the outermost first so, a compiler its errors in order.
    PLAIN = auto()
    GO = auto()
    RUST = auto()
    # One line that names the place where the error was raised, after frames that led there.
    FINAL = auto()


PATTERNS: Sequence[tuple[Style, re.Pattern[str]]] = (
    (
        Style.OUTERMOST_FIRST,
        re.compile(
            rf"{_FILE_WORD}\s*{_QUOTES}(?P<path>[^\"'“”]+?){_QUOTES}\s*[,.]?\s*{_LINE_WORD}\s*(?P<line>{_ANY_DIGITS})"
            r"(?:\s*[,.]?\s*in\s+(?P<function>[\w<>.]+))?"
        ),
    ),
    # IPython: `File ~/shop/cart.py:12, in total(items)`; rich: `/shop/cart.py:12 in total`.
    (Style.OUTERMOST_FIRST, re.compile(rf"{_PATH}:(?P<line>{_NUMBER}),? in (?P<function>[\w<>.]+)(?=\W*$|\()")),
    (
        Style.INNERMOST_FIRST,
        re.compile(rf"\bat (?P<function>\S+\(.*?\)) in (?P<path>[^:]*?{_NAME}):line (?P<line>{_NUMBER})"),
    ),
    # Java, Kotlin, Scala, Groovy
    (
        Style.INNERMOST_FIRST,
        re.compile(
            rf"^\s*at\s+(?P<function>[\w$.<>/@\-]+)\((?P<path>[\w$\-]+\.(?:java|kt|scala|groovy)):(?P<line>{_NUMBER})\)"
        ),
    ),
    # Node, browsers
    (
        Style.INNERMOST_FIRST,
        re.compile(
            rf"^\s*at\s+(?:async\s+)?(?:(?P<function>[^()]+?)\s+\()?{_SCHEME}(?P<path>[^():?]*?{_NAME}){_QUERY}"
            rf":(?P<line>{_NUMBER}):(?P<column>{_COLUMN})\)?"
        ),
    ),
    (
        Style.INNERMOST_FIRST,
        re.compile(rf"{_PATH}:(?P<line>{_NUMBER}):in\s*[`'\"](?P<function>[^'\"`]+)['\"`](?::\s*(?P<message>.*))?"),
    ),
    (
        Style.RUST,
        re.compile(rf"(?:-->|panicked at(?: '.*',)?|→)\s*{_PATH}:(?P<line>{_NUMBER})(?::(?P<column>{_COLUMN}))?"),
    ),
    # MSVC, tsc, csc
    (
        Style.INNERMOST_FIRST,
        re.compile(rf"{_PATH}\((?P<line>{_NUMBER})(?:,(?P<column>{_COLUMN}))?\)\s*:\s*(?P<message>.+)"),
    ),
    (Style.GO, re.compile(rf"^\s+{_PATH}:(?P<line>{_NUMBER})(?:\s+\+0x[0-9a-fA-F]+)?\s*$")),
    # PHP: the place where it was thrown, after the message; a frame of the trace that follows.
    (Style.FINAL, re.compile(rf"\bthrown in {_PATH} on line (?P<line>{_NUMBER})")),
    (
        Style.INNERMOST_FIRST,
        re.compile(rf"^(?P<message>.*)\bin {_PATH}(?: on line |:)(?P<line>{_NUMBER})(?=\D*$)"),
    ),
    (Style.INNERMOST_FIRST, re.compile(rf"^#\d+ {_PATH}\((?P<line>{_NUMBER})\): (?P<function>[\w\\:>\-]+)\(")),
    # Django, YAML, Terraform, Perl: the number in words; a shell: `deploy.sh: line 12: …`.
    (
        Style.INNERMOST_FIRST,
        re.compile(
            rf"{_PATH}[\"'”]?[,:]?\s+{_LINE_WORD} (?P<line>{_NUMBER})(?:, column (?P<column>{_COLUMN}))?"
            r"(?:, in (?P<function>[\w.]+)$)?(?::\s+(?P<message>\S.*))?"
        ),
    ),
    (
        Style.PLAIN,
        re.compile(
            rf"{_PATH}{_QUERY}:(?P<line>{_NUMBER})(?::(?P<column>{_COLUMN}))?(?:\s*[:\-–]\s*(?P<message>\S.*)|\b)",
        ),
    ),
)
# A file that stands alone in its line, and places in it below: ESLint, stylelint.
_HEADING = re.compile(rf"^{_PATH}:?$")
_BELOW = re.compile(rf"^\s+(?P<line>{_NUMBER}):(?P<column>{_COLUMN})\s+(?:error|warning|✖|⚠)\s+(?P<message>\S.*)$")
# pytest's summary names a test and no line.
_TEST = re.compile(rf"^(?:FAILED|ERROR)\s+{_PATH}::(?P<function>[\w:]+)(?:\[.*?\])?(?:\s+-\s+(?P<message>.*))?")
# Where a terminal broke a line before the place was complete.
_OPEN = re.compile(rf"{_FILE_WORD}\s*[\"“][^\"”]*$|{_FILE_WORD}\s*[\"“][^\"”]+[\"”][^\d]{{0,8}}$|^\s*at \S+ \([^)]*$")
# What a log, a box or an exception group draws before a line, and a box after it.
_FRAMED = re.compile(r"^(?:[\w.]+-\d+\s*|\s*)[|│┃]\s?|\s*[│┃]\s*$")


def find(line: str) -> tuple[Frame, Style] | None:
    """The place that a line names."""
    for style, pattern in PATTERNS:
        match = pattern.search(line)
        if match is not None and (found := frame(match)).line > 0:
            return found, style
    return None


def failed_test(line: str) -> Frame | None:
    """The test that a summary names, by its function: the line number is 0."""
    match = _TEST.match(line)
    if match is None:
        return None
    function = match["function"].replace("::", ".")
    return Frame(match["path"], 0, None, function, (match["message"] or "").strip())


def below(heading: str, line: str) -> Frame | None:
    """The place in the file of a heading that a line below it names."""
    match = _BELOW.match(line)
    if not heading or match is None:
        return None
    return Frame(heading, _int(match["line"]), _int(match["column"]), "", match["message"].strip(), "error")


def heading(line: str) -> str:
    """The file that stands alone in a line; empty where none does."""
    match = _HEADING.match(line.strip())
    return match["path"] if match else ""


def frame(match: re.Match[str]) -> Frame:
    groups = match.groupdict()
    column = groups.get("column")
    return Frame(
        groups["path"].strip(),
        _int(groups["line"]),
        _int(column) if column else None,
        (groups.get("function") or "").strip(),
        (groups.get("message") or "").strip(),
    )


def lines_of(text: str) -> Iterator[str]:
    """The lines without the frames that are drawn around them; those that a terminal broke are whole again."""
    lines = [_FRAMED.sub("", line) for line in text.splitlines()]
    index = 0
    while index < len(lines):
        line = lines[index]
        while _OPEN.search(line) and find(line) is None and index + 1 < len(lines):
            index += 1
            line += lines[index]
            if find(line) is not None or len(line) > 1000:
                break
        yield line
        index += 1


def _int(digits: str) -> int:
    return int(digits.translate(_DIGITS))

"""Find the places that an error output names: tracebacks, compiler errors, failing tests.

`parse_frames(text)` understands Python, pytest, Node, TypeScript, Rust, Go, Java and Kotlin, C and C++ (gcc, clang,
MSVC), C#, Ruby and PHP, and anything else that prints `path:line`. It tolerates the slips that reading a picture
brings: lost spaces, a quote read as two, `1ine` for `line`. `mmcore.context.grounding.ground(frames, roots)` turns
what it finds into locations.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from mmcore.types import Frame

# A path ends in an extension; it may hold a drive, spaces only between quotes.
PATH = r"(?:[A-Za-z]:[\\/]|~/|\.{0,2}/)?[\w@.+\-\\/\[\]$]*[\w\])]\.[A-Za-z][A-Za-z0-9]{0,5}"
LINE_WORD = r"[l1I|]ine"
NUMBER = r"[0-9OolI]{1,6}"

PYTHON = re.compile(
    rf"\bFi[l1I|]e\s*[\"'“”`´]{{1,2}}(?P<path>[^\"'“”]+?)[\"'“”`´]{{1,2}}\s*[,.]?\s*{LINE_WORD}\s*(?P<line>{NUMBER})"
    r"(?:\s*[,.]?\s*in\s+(?P<function>[\w<>.]+))?"
)
RUBY = re.compile(rf"(?P<path>{PATH}):(?P<line>\d+):in\s*[`'\"](?P<function>[^'\"`]+)['\"`]")
PHP = re.compile(rf"\bin (?P<path>{PATH})(?: on line |:|\()(?P<line>\d+)\)?")
CSHARP = re.compile(rf"\bat (?P<function>\S+\(.*?\)) in (?P<path>[^:]*?{PATH}):line (?P<line>\d+)")
JAVA = re.compile(r"^\s*at\s+(?P<function>[\w$.<>/]+)\((?P<path>[\w$\-]+\.(?:java|kt|scala|groovy)):(?P<line>\d+)\)")
NODE = re.compile(
    rf"^\s*at\s+(?:async\s+)?(?:(?P<function>[^()]+?)\s+\()?(?:file://)?(?P<path>[^():]*?{PATH}):(?P<line>\d+):(?P<column>\d+)\)?"
)
MSVC = re.compile(rf"(?P<path>{PATH})\((?P<line>\d+)(?:,(?P<column>\d+))?\)\s*:\s*(?P<message>.+)")
RUST = re.compile(rf"(?:-->|panicked at|→)\s*(?P<path>{PATH}):(?P<line>\d+)(?::(?P<column>\d+))?")
GO = re.compile(rf"^\s+(?P<path>{PATH}):(?P<line>\d+)(?:\s+\+0x[0-9a-fA-F]+)?\s*$")
PLAIN = re.compile(rf"(?P<path>{PATH}):(?P<line>\d+)(?::(?P<column>\d+))?(?:\s*[:\-–]\s*(?P<message>\S.*)|\b)")
PATTERNS = (PYTHON, CSHARP, JAVA, NODE, RUBY, RUST, MSVC, GO, PHP, PLAIN)

# `ValueError: …`, `java.lang.IllegalStateException: …`, `E   AssertionError`, `TypeError [ERR_X]: …`
EXCEPTION = re.compile(
    r"^(?:E\s+|Caused by:\s*|Exception in thread \"[^\"]*\"\s*|Unhandled exception\. |Uncaught\s+)?"
    r"(?P<name>(?:[\w$]+\.)*[A-Z][\w$]*(?:Error|Exception|Warning|Exit|Interrupt|Iteration|Fault|Failure|Panic))"
    r"(?:\s*\[\w+\])?(?:\s*[:;]\s*(?P<message>.*))?$"
)
PANIC = re.compile(
    r"^(?:\S* )?(?P<name>panic|fatal error): ?(?P<message>.*)$"
    r"|^(?:fatal )?error(?:\[(?P<rustc>E\d+)\])?: (?P<rust_message>.+)$"
    r"|^(?:- )?error (?P<code>[A-Z]+\d+): (?P<code_message>.+)$"
)
# pytest marks with E what it says about the failure; the place comes after it.
ASSERTION = re.compile(r"^E\s{2,}(?P<message>\S.*)$")
CHAINED = re.compile(r"During handling of the above|The above exception was the direct")
GO_CALL = re.compile(r"^(?P<function>[\w./*()\[\]]+)\(.*\)$")
DIGITS = str.maketrans("OoIl", "0011")


@dataclass(frozen=True, slots=True)
class _Error:
    name: str = ""
    message: str = ""


def parse_frames(text: str) -> tuple[Frame, ...]:
    """Frames, the innermost first; the exception and its message are on the frame that raised it.

    Python and pytest print the innermost frame last and name the exception after it; Node, Java, Go and Rust print the
    exception first and the innermost frame next. A compiler's errors are frames whose message says what is wrong.
    Of chained Python exceptions the last one, which ended the program, comes first.
    """
    frames: list[Frame] = []
    outermost_first: list[Frame] = []
    earlier: list[Frame] = []
    error = _Error()
    function = ""
    panicked = False
    for line in text.splitlines():
        if CHAINED.search(line):
            earlier = [*frames, *reversed(outermost_first), *earlier]
            frames, outermost_first = [], []
            continue
        found, pattern = _frame(line)
        if found is None:
            named = _error(line)
            if panicked and frames and line.strip():
                # Rust prints the message below the place.
                frames[-1] = replace(frames[-1], exception="panic", message=line.strip())
            elif named and outermost_first and not line.startswith("E "):
                frames += reversed([*outermost_first[:-1], _raised(outermost_first[-1], named)])
                outermost_first = []
            elif named and (named.name or not error.name):
                error = named if named.name or not error.message else error
            call = GO_CALL.match(line.strip())
            function = call["function"] if call else function
            panicked = False
            continue
        panicked = pattern is RUST and "panicked" in line
        if pattern is PYTHON or (pattern is PLAIN and line.rstrip().endswith(":")):
            outermost_first.append(found)
            continue
        if pattern is GO:
            found, function = replace(found, function=function), ""
        said = _error(found.message)
        if said and said.name:
            found = replace(found, exception=said.name, message=said.message)
        found, error = _raised(found, error), _Error()
        if outermost_first:
            frames += [found, *reversed(outermost_first)]
            outermost_first = []
        elif frames and (frames[-1].path, frames[-1].line) == (found.path, found.line):
            frames[-1] = _merged(frames[-1], found)
        else:
            frames.append(found)
    if outermost_first:
        frames += reversed([*outermost_first[:-1], _raised(outermost_first[-1], error)])
    return (*frames, *earlier)


def _frame(line: str) -> tuple[Frame | None, re.Pattern[str] | None]:
    for pattern in PATTERNS:
        match = pattern.search(line)
        number = int(match["line"].translate(DIGITS)) if match else 0
        if match is None or number < 1:
            continue
        groups = match.groupdict()
        column = groups.get("column")
        function = (groups.get("function") or "").strip()
        message = (groups.get("message") or "").strip()
        return Frame(groups["path"].strip(), number, int(column) if column else None, function, message), pattern
    return None, None


def _error(line: str) -> _Error | None:
    line = line.strip()
    if match := EXCEPTION.match(line):
        return _Error(match["name"], (match["message"] or "").strip())
    if match := PANIC.match(line):
        name = match["name"] or match["rustc"] or match["code"] or "error"
        message = match["message"] or match["rust_message"] or match["code_message"] or ""
        return _Error(name, message.strip())
    if match := ASSERTION.match(line):
        return _Error("", match["message"])
    return None


def _raised(frame: Frame, error: _Error) -> Frame:
    """`frame` with what `error` adds to it; what the frame's own line says stands."""
    if not frame.exception:
        return replace(frame, exception=error.name, message=error.message or frame.message)
    if error.name in ("", frame.exception):
        return replace(frame, message=frame.message or error.message)
    return frame


def _merged(first: Frame, second: Frame) -> Frame:
    return replace(
        first,
        column=first.column or second.column,
        function=first.function or second.function,
        message=first.message or second.message,
        exception=first.exception or second.exception,
    )

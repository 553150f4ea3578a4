"""Find the places that an error output names: tracebacks, compiler errors, failing tests.

`parse_frames(text)` understands Python (also as IPython and rich print it), pytest, Node and browsers, TypeScript,
ESLint, Rust, Go, Java and Kotlin, C and C++ (gcc, clang, MSVC), C#, Ruby, PHP, Perl, shells and YAML, and anything else
that prints `path:line`. It tolerates the slips that reading a picture brings: lost spaces, a quote read as two, `1ine`
for `line`. `mmcore.context.grounding.ground(frames, roots)` turns what it finds into locations.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from mmcore.perception import places
from mmcore.perception.places import Style
from mmcore.types import Frame

# `ValueError: …`, `java.lang.IllegalStateException: …`, `E   AssertionError`, `TypeError [ERR_X]: …`
_KINDS = "Error|Exception|Warning|Exit|Interrupt|Iteration|Fault|Failure|Panic"
EXCEPTION = re.compile(
    r"^(?:E\s+|Caused by:\s*|Exception in thread \"[^\"]*\"\s*|Unhandled exception[.:]\s*|"
    r"(?:PHP )?(?:Fatal|Parse) error:\s*|Uncaught\s+)*(?:\(in promise\)\s*)?"
    rf"(?P<name>(?:[\w$]+(?:\.|::))*(?:[A-Z][\w$]*)?(?:{_KINDS})(?:Group)?)"
    r"(?:\s*\[\w+\])?(?:\s*[:;]\s*(?P<message>.*))?$"
)
PANIC = re.compile(
    r"^(?:\S* )?(?P<name>panic|fatal error): ?(?P<message>.*)$"
    r"|^(?:fatal )?error(?:\[(?P<rustc>E\d+)\])?: (?P<rust_message>.+)$"
    r"|^(?:- )?error (?P<code>[A-Z]+\d+): (?P<code_message>.+)$"
    r"|^\*\* \((?P<elixir>[\w.]+)\) (?P<elixir_message>.*)$"
)
# What a program's own exceptions look like where an exception must follow: `shop.errors.OutOfStock: pear`.
OWN_EXCEPTION = re.compile(r"^(?P<name>(?:[A-Za-z_]\w*\.)*[A-Z]\w*)(?::\s+(?P<message>.*))?$")
# Ruby names the exception behind its message.
BEHIND = re.compile(rf"^(?P<message>.+?)\s*\((?P<name>(?:[A-Z]\w*::)*[A-Z]\w*(?:{_KINDS}))\)$")
# pytest marks with E what it says about the failure; the place comes after it.
ASSERTION = re.compile(r"^E\s{2,}(?P<message>\S.*)$")
CHAINED = re.compile(r"During handling of the above|The above exception was the direct|^\s*\+-\+?-+ \d+ -+$")
GO_CALL = re.compile(r"^(?P<function>[\w./*()\[\]]+)\(.*\)$")
# A line of code beside its number, or marked by pytest; what only points at a part of the line above.
NUMBERED = re.compile(r"^\s*(?:[>❱*]|-+>)?\s*(?P<number>\d+)\s*[|:│]?\s+(?P<source>\S.*)$")
MARKED = re.compile(r"^>\s+(?P<source>\S.*)$")
POINTS = re.compile(r"^[\s~^|]*$")
# How far from a place its line of code is printed.
NEAR = 12


@dataclass(frozen=True, slots=True)
class _Error:
    name: str = ""
    message: str = ""


def parse_frames(text: str) -> tuple[Frame, ...]:
    """Frames, the innermost first; the exception and its message are on the frame that raised it.

    Python and pytest print the innermost frame last and name the exception after it; Node, Java, Go and Rust print the
    exception first and the innermost frame next. A compiler's errors are frames whose message says what is wrong.
    Of chained Python exceptions the last one, which ended the program, comes first, and of a group its members. Tests
    that a summary names, and no place does, come last, with the line 0.
    """
    lines = list(places.lines_of(text))
    frames: list[Frame] = []
    outermost_first: list[Frame] = []
    earlier: list[Frame] = []
    tests: list[Frame] = []
    error = _Error()
    function = heading = ""
    panicked = False
    for index, line in enumerate(lines):
        if CHAINED.search(line):
            earlier = [*frames, *reversed(outermost_first), *earlier]
            frames, outermost_first = [], []
            continue
        if failed := places.failed_test(line):
            tests.append(failed)
            continue
        found, style = places.find(line) or (places.below(heading, line), Style.INNERMOST_FIRST)
        if found is None:
            heading = places.heading(line) or (heading if line.strip() else "")
            named = _error(line, bool(outermost_first))
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
        found = replace(found, source=_source(lines, index, found, style))
        panicked = style is Style.RUST and "panicked" in line
        if style is Style.OUTERMOST_FIRST or (style is Style.PLAIN and line.rstrip().endswith(":")):
            outermost_first.append(found)
            continue
        if style is Style.GO:
            found, function = replace(found, function=function), ""
        said = _error(found.message) if found.message else None
        if said and said.name:
            found = replace(found, exception=said.name, message=said.message)
        found, error = _raised(found, error), _Error()
        if outermost_first:
            frames += [found, *reversed(outermost_first)]
            outermost_first = []
        elif same := [at for at, frame in enumerate(frames) if _same(frame, found)][-1:]:
            frames[same[0]] = _merged(frames[same[0]], found)
        elif style is Style.FINAL:
            frames.insert(0, found)
        else:
            frames.append(found)
    if outermost_first:
        frames += reversed([*outermost_first[:-1], _raised(outermost_first[-1], error)])
    named_files = {_name(frame) for frame in (*frames, *earlier)}
    return (*frames, *earlier, *(test for test in tests if _name(test) not in named_files))


def _source(lines: Sequence[str], index: int, frame: Frame, style: Style) -> str:
    """The line of code that is printed with a frame: below it, beside its number, or above it with a `>`."""
    following = lines[index + 1 : index + 1 + NEAR]
    for line in following:
        if places.find(line) is not None:
            break
        match = NUMBERED.match(line)
        if match and int(match["number"]) == frame.line:
            return match["source"].rstrip()
    first = next(iter(following), "")
    alone = style is Style.OUTERMOST_FIRST or places.heading(lines[index].rsplit(":", 1)[0])
    if alone and first[:1].isspace() and not POINTS.match(first) and not NUMBERED.match(first):
        return first.strip() if places.find(first) is None else ""
    if style is not Style.PLAIN:
        return ""
    for line in reversed(lines[max(0, index - NEAR) : index]):
        if places.find(line) is not None:
            break
        if match := MARKED.match(line):
            return match["source"].rstrip()
    return ""


def _error(line: str, expected: bool = False) -> _Error | None:
    """The error that a line names; `expected` where frames came before it, so that any name may be an exception's."""
    stripped = line.strip()
    if match := EXCEPTION.match(stripped):
        return _Error(match["name"], (match["message"] or "").strip())
    if match := PANIC.match(stripped):
        name = match["name"] or match["rustc"] or match["code"] or match["elixir"] or "error"
        message = next((match[key] for key in match.groupdict() if "message" in key and match[key]), "")
        return _Error(name, message.strip())
    if match := ASSERTION.match(stripped):
        return _Error("", match["message"])
    if match := BEHIND.match(stripped):
        return _Error(match["name"], match["message"].strip())
    if expected and not line[:1].isspace() and (match := OWN_EXCEPTION.match(stripped)):
        return _Error(match["name"], (match["message"] or "").strip())
    return None


def _raised(frame: Frame, error: _Error) -> Frame:
    """`frame` with what `error` adds to it; what the frame's own line says stands."""
    if not frame.exception:
        return replace(frame, exception=error.name, message=error.message or frame.message)
    if error.name in ("", frame.exception):
        return replace(frame, message=frame.message or error.message)
    return frame


def _same(first: Frame, second: Frame) -> bool:
    return (first.path, first.line) == (second.path, second.line)


def _merged(first: Frame, second: Frame) -> Frame:
    return replace(
        first,
        column=first.column or second.column,
        function=first.function or second.function,
        message=first.message or second.message,
        exception=first.exception or second.exception,
        source=first.source or second.source,
    )


def _name(frame: Frame) -> str:
    return PurePosixPath(frame.path.replace("\\", "/")).name

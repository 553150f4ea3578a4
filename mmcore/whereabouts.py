"""Where in the workspace is what pictures show: the places that they name, and the code that they hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmcore.context.compare import Alignment, align
from mmcore.context.grounding import ground, ground_each, users_own
from mmcore.perception.frames import parse_frames
from mmcore.perception.render import FILE_NAME
from mmcore.types import Frame, Location, Position, Range, Reading

# So many differing lines are said; more of them mean another version of the file, which is said as that.
MOST_DIFFERENCES = 8
UNPARSED = ("SyntaxError", "IndentationError", "TabError")


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """`frames` are as the pictures name them, `grounded` those that exist in the workspace, the likeliest first.

    `tabs` are files that an editor in a picture has open, and whose code there is not the one that they have here.
    """

    frames: tuple[Frame, ...] = ()
    grounded: tuple[tuple[Location, Frame], ...] = ()
    alignments: tuple[Alignment, ...] = ()
    tabs: tuple[Location, ...] = ()

    @property
    def locations(self) -> tuple[Location, ...]:
        """What is named comes before what is only shown."""
        shown = (Location(one.path, Range(Position(one.first, 0), Position(one.last, 0))) for one in self.alignments)
        return (*(location for location, _ in self.grounded), *shown, *self.tabs)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a picture says is wrong at a place; `path_to` are the places that led there, the nearest first."""

    location: Location
    message: str
    is_warning: bool
    path_to: tuple[tuple[Location, str], ...]


def find(readings: Sequence[Reading], roots: Sequence[Path]) -> Whereabouts:
    frames = tuple(frame for reading in readings for frame in parse_frames(reading.text))
    if not roots:
        return Whereabouts(frames)
    alignments: list[Alignment] = []
    tabs: list[Location] = []
    for reading in readings:
        code = [region for region in reading.regions if region.kind == "code"]
        titles = [region.text for region in reading.regions if region.kind == "title"]
        names = [match[0] for title in titles for match in FILE_NAME.finditer(title)]
        aligned = [align(region.text, names, roots, region.first_line) for region in code]
        alignments += [one for one in aligned if one]
        if code and not any(aligned):
            tabs += ground([Frame(name, code[0].first_line or 0) for name in names], roots)
    return Whereabouts(frames, ground_each(frames, roots), tuple(alignments), tuple(tabs))


def findings(places: Whereabouts) -> list[Finding]:
    """The errors that the pictures report, each at the innermost place of the user's own code, each place once.

    Frames without a message of their own led to the one before them. An error that was raised in somebody else's code
    is reported where the user's called it.
    """
    best: dict[Frame, Location] = {}
    for location, frame in places.grounded:
        best.setdefault(frame, location)
    found: list[Finding] = []
    pending = ""
    for frame in places.frames:
        said = ": ".join(filter(None, (frame.exception, frame.message)))
        if frame not in best:
            pending = said or pending
            continue
        if said or pending or not found:
            message = said or pending or f"named in the picture{f', in {frame.function}' if frame.function else ''}"
            is_warning = message.lower().startswith(("warning", "w:")) or "warning" in frame.exception.lower()
            found.append(Finding(best[frame], message, is_warning, ()))
        else:
            step = (best[frame], f"in {frame.function}" if frame.function else "called from here")
            found[-1] = replace(found[-1], path_to=(*found[-1].path_to, step))
        pending = ""
    return found


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that was worked out from the pictures, and the words without which an answer leaves it out."""

    text: str
    words: tuple[str, ...]

    def is_in(self, answer: str) -> bool:
        return all(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", answer) for word in self.words)


def facts(places: Whereabouts, roots: Sequence[Path]) -> list[Fact]:
    """What failed, and where: in the workspace's own file if it is there, else as the picture names it."""
    found = []
    raised = next((frame for frame in places.frames if frame.exception), None)
    if raised:
        said = f"{raised.exception}: {raised.message}" if raised.message else raised.exception
        found.append(Fact(said, (re.split(r"[.:]", raised.exception)[-1],)))
    if places.locations:
        first = places.locations[0]
        name, line = relative(first.path, roots), first.range.start.line + 1
        printed = [frame.line for frame in places.frames if _name(frame.path) == first.path.name and frame.line]
        moved = f" (line {printed[0]} in the picture)" if printed and line not in printed else ""
        found.append(Fact(f"{name}:{line}{moved}{_importer(places, roots)}", (first.path.name, str(line))))
    elif own := (users_own(places.frames) or places.frames)[:1]:
        (frame,) = own
        line_words = (str(frame.line),) if frame.line else ()
        text = ":".join((frame.path, *line_words))
        # Nobody here can look it up by its name: the whole path is needed.
        found.append(Fact(text, (frame.path, *line_words)))
    return found


def _importer(places: Whereabouts, roots: Sequence[Path]) -> str:
    """A file that cannot be parsed has no frame that runs: what imported it failed too."""
    frame = places.grounded[0][1] if places.grounded else Frame("", 0)
    callers = [location for location, other in places.grounded if other != frame]
    if not callers or frame.function or not frame.exception.endswith(UNPARSED):
        return ""
    return f", imported at {relative(callers[0].path, roots)}:{callers[0].range.start.line + 1}"


def describe(alignment: Alignment, roots: Sequence[Path]) -> list[str]:
    """Lines that say how a picture differs from the file whose lines it shows."""
    name = relative(alignment.path, roots)
    if not alignment.differences:
        return [f"{name}, lines {alignment.first + 1}-{alignment.last}: as in the picture"]
    lines = [
        f"{name}:{one.line + 1}: " + _difference(one.there, one.shown)
        for one in alignment.differences[:MOST_DIFFERENCES]
    ]
    more = len(alignment.differences) - MOST_DIFFERENCES
    return [*lines, f"{name}: {more} more lines differ"] if more > 0 else lines


def relative(path: Path, roots: Sequence[Path]) -> str:
    inside = [path.relative_to(root) for root in roots if path.is_relative_to(root)]
    return (inside or [path])[0].as_posix()


def _name(path: str) -> str:
    return re.split(r"[/\\]", path)[-1]


def _difference(there: str | None, shown: str | None) -> str:
    if shown is None:
        return f"the picture lacks `{there}`"
    if there is None:
        return f"the picture has `{shown}`, the file does not"
    return f"the picture has `{shown}`, the file `{there}`"

"""The data that every part of the core passes around: frozen, standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text: 0-based line, 0-based column counted in Unicode code points (Python `str` indices)."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Range:
    """Half-open: `end` is the first position that is not in it."""

    start: Position
    end: Position


@dataclass(frozen=True, slots=True)
class Location:
    """A range in a file that exists in the workspace."""

    path: Path
    range: Range


@dataclass(frozen=True, slots=True)
class Document:
    """One text file as the editor has it now.

    `text` may have any line endings; `version` is the editor's counter, None when the text was read from disk.
    `language` is an LSP language identifier ("python", "typescript", "typescriptreact", "rust", "go", "c", ...).
    """

    uri: str
    language: str
    text: str
    version: int | None = None
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another open document; `edited` is the line that was changed last in it, if any was."""

    document: Document
    edited: int | None = None


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of another place that goes into a prompt, and why it was chosen."""

    path: Path
    start_line: int
    text: str
    reason: str
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Image:
    """An encoded picture within the limits of `perception.image`: upright, its hash that of the original bytes."""

    data: bytes
    mime: str
    width: int
    height: int
    sha256: str
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat. Images come before the text, in order."""

    role: Role
    content: str
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one request. `cached_tokens` of the prompt were not computed again."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of generated text. The last chunk of a stream has a `finish_reason` and the `usage`.

    Engines that can say the usage so far with every chunk, for those who close the stream before the last one.

    `logprobs` holds the natural-log probability of each token in `text` where the request asked for them.
    """

    text: str
    finish_reason: Literal["stop", "length"] | None = None
    usage: Usage | None = None
    logprobs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace `range` of a document by `new_text`."""

    range: Range
    new_text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line read in a picture. `box` is (left, top, right, bottom) in pixels, `score` 0..1."""

    text: str
    box: tuple[int, int, int, int]
    score: float


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a picture: kind is code, terminal, command, output, title, status, text, heading, field, button, check,
    error or message.

    `first_line` is the number that the picture gives to the first line of code; `value` what a field holds, whether a
    check box is ticked ("on", "off"), or the prompt before a command. `box` is as in `Line`.
    """

    kind: str
    text: str
    box: tuple[int, int, int, int]
    first_line: int | None = None
    language: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A shape of a diagram: box, diamond, ellipse, class or participant. `rows` are the members of a class."""

    text: str
    shape: str
    box: tuple[int, int, int, int]
    rows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow between two nodes, given by their places in `Diagram.nodes`."""

    source: int
    target: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Diagram:
    """`kind` is flow, state, class or sequence; the edges of a sequence are in the order of time."""

    kind: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a picture says: `text` is its content, with the layout; `size` is (width, height) in pixels.

    `text` leaves out what only frames the content (title and status bars, line numbers); `lines` and `regions` have it.
    """

    kind: str
    text: str
    lines: tuple[Line, ...]
    size: tuple[int, int]
    sha256: str = ""
    regions: tuple[Region, ...] = ()
    diagram: Diagram | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """Ghost text for a cursor: `text` replaces `range`, which is empty and at the cursor unless code is replaced.

    `snippets` of other places were shown to the model; none where nothing was asked of it.
    """

    text: str
    range: Range
    model: str
    usage: Usage = field(default_factory=Usage)
    milliseconds: float = 0.0
    snippets: tuple[Snippet, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """One place that an error output names: `path` as printed (perhaps with slips of the reader), 1-based numbers.

    `line` is 0 where only the file, or a function in it, is named. `message` is what is said about this very place;
    `exception` names the kind of the error and stands on the frame where it was raised; `source` is the line of code
    that is printed with it.
    """

    path: str
    line: int
    column: int | None = None
    function: str = ""
    message: str = ""
    exception: str = ""
    source: str = ""

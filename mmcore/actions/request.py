"""What an action is asked for, and what it hands back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmcore.config import Settings
from mmcore.engine.base import Engine
from mmcore.types import Document, Edit, Location, Range, Reading, Snippet, Usage
from mmcore.verify.result import CheckResult


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A complaint of a tool about the document."""

    range: Range
    message: str
    code: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """`range` or `symbol` (a name, or `Class.method`) says what it is about; without either, the whole document.

    `run` is the consent to run the workspace's code for this request; `failing_test` is a pytest node id.
    """

    document: Document
    range: Range | None = None
    symbol: str = ""
    instruction: str = ""
    images: tuple[Path | bytes, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    failing_test: str = ""
    roots: tuple[Path, ...] = ()
    run: bool = False

    @property
    def root(self) -> Path:
        """The workspace folder that the document lies in; without one, its own folder."""
        path = self.document.path
        inside = [root for root in self.roots if path and path.resolve().is_relative_to(root.resolve())]
        if inside:
            return max(inside, key=lambda root: len(root.parts))
        return path.parent if path else Path.cwd()


@dataclass(frozen=True, slots=True)
class Outcome:
    """`edits` are made on `document`, in the version that it carries; `passed` says that no check failed.

    An outcome that did not pass shows the best try with its failing check. `message` is one line for the user, `text`
    the answer of an action that explains, `findings` what a review found.
    """

    document: Document
    after: str
    edits: tuple[Edit, ...]
    diff: str
    checks: tuple[CheckResult, ...]
    passed: bool
    message: str
    candidates: int = 0
    usage: Usage = field(default_factory=Usage)
    text: str = ""
    locations: tuple[Location, ...] = ()
    findings: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class Tools:
    """What every action works with.

    `say` takes lines about what is being done, `on_text` pieces of what is written. `around` gives code of other files
    that the code at an offset (code points) of a document needs, of at most so many characters; it reads an index, and
    belongs in a thread. `wishes` are what the user has said before that still holds.
    """

    engine: Engine
    settings: Settings
    read: Callable[[Path | bytes], Awaitable[Reading]]
    say: Callable[[str], None] = lambda line: None
    on_text: Callable[[str], None] = lambda piece: None
    around: Callable[[Document, int, int], Sequence[Snippet]] = lambda document, offset, characters: ()
    wishes: tuple[str, ...] = ()

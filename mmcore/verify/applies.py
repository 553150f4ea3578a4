"""Do the edits, made on the version that they name, give the text that was checked?"""

from __future__ import annotations

from collections.abc import Sequence

from mmcore.text import apply, line_at, line_starts
from mmcore.types import Document, Edit, Position
from mmcore.verify.result import CheckResult, Outcome, timed


def check_applies(document: Document, edits: Sequence[Edit], after: str, version: int | None) -> CheckResult:
    """Every range is in the document, none overlap, and the result is `after`, the text that other checks saw."""

    def check() -> Outcome:
        if document.version != version:
            return "failed", f"the edit was made for version {version}, the document is at {document.version}"
        starts = line_starts(document.text)
        for edit in edits:
            for place in (edit.range.start, edit.range.end):
                if not _exists(document.text, place, starts):
                    return "failed", f"line {place.line + 1}, column {place.column + 1} is not in the document"
            if edit.range.end < edit.range.start:
                return "failed", "an edit runs backwards"
        try:
            made = apply(document.text, list(edits))
        except ValueError as error:
            return "failed", str(error)
        if made != after:
            return "failed", "the edits give another text than the one that was checked"
        return ("passed", "") if made != document.text else ("failed", "nothing would change")

    return timed("applies", check)


def _exists(text: str, place: Position, starts: list[int]) -> bool:
    return 0 <= place.line < len(starts) and 0 <= place.column <= len(line_at(text, place.line, starts))

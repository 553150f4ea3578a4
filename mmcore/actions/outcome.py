"""From the candidates that were tried to what the user is shown."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mmcore.actions.examine import Candidate
from mmcore.actions.request import Outcome, Request
from mmcore.edits.diff import line_edits, unified_diff
from mmcore.types import Document, Usage
from mmcore.verify.result import first_failure


def conclude(request: Request, tried: Sequence[Candidate], usage: Usage, what: str) -> Outcome:
    """The first candidate that passed, else the one that got furthest, with the check that it failed."""
    document = request.document
    best = next((c for c in tried if c.passed), None) or max(tried, key=lambda c: c.reached, default=None)
    if best is None:
        return Outcome(
            document, document.text, (), "", (), False, f"{what}: the model gave nothing usable", usage=usage
        )
    failure = first_failure(best.checks)
    if failure is None:
        could_not = [check.name for check in best.checks if check.status == "could_not_run"]
        ran = [check.name for check in best.checks if check.status == "passed"]
        message = f"{what}: checked ({', '.join(ran)})" + (
            f"; could not check {', '.join(could_not)}" if could_not else ""
        )
    else:
        reason = failure.detail.strip().split("\n")[-1][:160]
        message = f"{what}: none of {len(tried)} tries passed; the best fails “{failure.name}”: {reason}"
    if best.origin != "model":
        message += f"; {best.origin}"
    return Outcome(
        document,
        best.after,
        line_edits(document.text, best.after),
        unified_diff(document.text, best.after, name_of(request), new_file=_is_new(document)),
        best.checks,
        failure is None,
        message,
        candidates=len(tried),
        usage=usage,
    )


def _is_new(document: Document) -> bool:
    return not document.text and document.path is not None and not document.path.exists()


def name_of(request: Request) -> str:
    """The document's name in a diff: relative to its workspace, with slashes."""
    path = request.document.path
    if path is None:
        return request.document.uri.rpartition("/")[2] or "untitled"
    return os.path.relpath(path, request.root).replace(os.sep, "/")

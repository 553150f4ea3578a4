"""What a check found: passed, failed, or could not run, and in how long."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from mmcore.types import Document

Status = Literal["passed", "failed", "could_not_run"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`detail` is fit to be shown and to be sent back to the model: it says what the check saw."""

    name: str
    status: Status
    detail: str = ""
    milliseconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Change:
    """One document as it is, and the text that it would have."""

    document: Document
    after: str


Outcome = tuple[Status, str]


def timed(name: str, check: Callable[[], Outcome]) -> CheckResult:
    """Run `check` and note how long it took."""
    started = time.perf_counter()
    status, detail = check()
    return CheckResult(name, status, detail, (time.perf_counter() - started) * 1000)


def first_failure(results: Sequence[CheckResult]) -> CheckResult | None:
    """One that could not run proves nothing either way: the report says so."""
    return next((result for result in results if result.status == "failed"), None)

"""What a runner of another language than Python says that its tests reached."""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePath
from typing import Any

from mmcore.verify.pytest_run import Coverage
from mmcore.verify.runners import COVERED
from mmcore.verify.scratch import read_back

SPAN = re.compile(r"^(?P<file>.+):(?P<first>\d+)\.\d+,(?P<last>\d+)\.\d+ \d+ (?P<count>\d+)$", re.M)


def coverage_left(copy: Path, relative: PurePath, first: int, last: int) -> Coverage | None:
    """Of lines `first` to `last` (1-based) of a file; None where the tool measured nothing, as Cargo does not."""
    try:
        if report := read_back(copy, COVERED / "coverage-final.json"):
            return _istanbul(json.loads(report), copy / relative, first, last)
        if profile := read_back(copy, COVERED):
            return _go(profile, relative, first, last)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # tests ran in that copy and may have written anything there
    return None


def _istanbul(report: dict[str, Any], path: Path, first: int, last: int) -> Coverage | None:
    """The form of Jest and Vitest: https://github.com/gotwarlost/istanbul/blob/master/coverage.json.md"""
    held = report.get(str(path)) or next((v for k, v in report.items() if Path(k).name == path.name), None)
    if held is None:
        return None
    lines: dict[int, bool] = {}
    for key, place in held["statementMap"].items():
        line = place["start"]["line"]
        if first <= line <= last:
            lines[line] = lines.get(line, False) or held["s"][key] > 0
    taken = [
        count > 0
        for key, place in held["branchMap"].items()
        if first <= place["loc"]["start"]["line"] <= last
        for count in held["b"][key]
    ]
    return _coverage(lines, taken)


def _go(profile: str, relative: PurePath, first: int, last: int) -> Coverage | None:
    """https://go.dev/blog/cover: blocks of statements, each with how often it ran. Go counts no branches."""
    lines: dict[int, bool] = {}
    for found in SPAN.finditer(profile):
        if PurePath(found["file"]).name != relative.name:
            continue
        for line in range(int(found["first"]), int(found["last"]) + 1):
            if first <= line <= last:
                lines[line] = lines.get(line, False) or int(found["count"]) > 0
    return _coverage(lines, []) if lines else None


def _coverage(lines: dict[int, bool], branches: list[bool]) -> Coverage:
    missed = tuple(sorted(line for line, reached in lines.items() if not reached))
    share = 1 - len(missed) / len(lines) if lines else 1.0
    return Coverage(share, sum(branches) / len(branches) if branches else share, missed)

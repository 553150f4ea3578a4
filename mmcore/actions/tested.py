"""What an action that writes tests tells of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mmcore.actions.examine import Candidate
from mmcore.actions.outcome import conclude
from mmcore.actions.request import Outcome, Request
from mmcore.edits.diff import line_edits
from mmcore.errors import DocumentError
from mmcore.syntax import Symbol
from mmcore.types import Document, Usage
from mmcore.verify.applies import check_applies
from mmcore.verify.lint import check_linters
from mmcore.verify.names import check_names
from mmcore.verify.parses import check_parses
from mmcore.verify.pytest_run import Coverage
from mmcore.verify.result import Change, CheckResult
from mmcore.verify.sandbox import isolation
from mmcore.verify.tests_run import walls_note
from mmcore.verify.toolchain import libraries

UNRUN = CheckResult("tests", "could_not_run", "running tests needs your consent: --run, or trust this workspace")


def read_existing(path: Path) -> str:
    """The test file as it is, "" where there is none. Raises DocumentError."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path} cannot be read ({error}); tests would go there") from None


def report(
    kept: int, written: int, recorded: int, noticed: tuple[int, int], coverage: Coverage | None, unmeasured: str
) -> list[CheckResult]:
    """`noticed`: mutants that a test failed on, and those made. `unmeasured` says why there is no coverage."""
    ran = f"{kept} kept of {written} written"
    ran += f", {recorded} with values recorded from the code as it is" if recorded else ""
    if not kept:
        ran = "none is left: each failed on the code as it is, or noticed no change of it"
    results = [CheckResult("tests", "passed" if kept else "failed", ran + walls_note(isolation()))]
    if noticed[1]:
        share = f"{noticed[0]} of {noticed[1]} changes of the code are noticed"
        results.append(CheckResult("mutants", "passed" if noticed[0] else "failed", share))
    else:
        results.append(CheckResult("mutants", "could_not_run", "there was nothing to change"))
    if coverage is None:
        results.append(CheckResult("coverage", "could_not_run", unmeasured))
    else:
        shares = f"{coverage.lines:.0%} of lines, {coverage.branches:.0%} of branches"
        results.append(CheckResult("coverage", "passed", shares))
    return results


def offer(
    request: Request,
    target: Symbol,
    file: Document,
    after: str,
    usage: Usage,
    results: Sequence[CheckResult],
    rounds: int,
) -> Outcome:
    """`file` with the tests as the edit; `results` is what running them showed."""
    change = Change(file, after)
    static = [check_applies(file, line_edits(file.text, after), after, file.version), check_parses(change)]
    if file.language == "python":
        static.append(check_names(change, (request.root, *request.roots), libraries(request.root)))
    linted = check_linters(change, request.root, trusted=request.run) if static[0].status == "passed" else []
    candidate = Candidate(after, (*static, *results, *linted))
    where = replace(request, document=file)
    return replace(conclude(where, [candidate], usage, f"test `{target.name}`"), candidates=rounds)

"""Put one candidate through its checks, cheapest first, up to the first that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from mmcore.actions.request import Diagnostic, Request
from mmcore.edits.diff import line_edits
from mmcore.types import Range
from mmcore.verify.applies import check_applies
from mmcore.verify.examples import share
from mmcore.verify.formatting import format_change
from mmcore.verify.lint import check_linters, compare
from mmcore.verify.names import check_names
from mmcore.verify.parses import check_parses
from mmcore.verify.result import Change, CheckResult, Outcome, first_failure, timed
from mmcore.verify.scope import check_code_unchanged, check_scope
from mmcore.verify.tests_run import Selection, TestBench, check_tests, judge
from mmcore.verify.toolchain import libraries


@dataclass(frozen=True, slots=True)
class Rules:
    """What a change may do and must achieve. `allowed`: the range that it may change; `docs_only`: no code at all."""

    allowed: Range | None = None
    docs_only: bool = False
    gone: tuple[Diagnostic, ...] = ()
    tests: Selection = field(default_factory=Selection)


@dataclass(frozen=True, slots=True)
class Candidate:
    """`after` is the text that the checks have seen, laid out by the project's formatter."""

    after: str
    checks: tuple[CheckResult, ...]
    origin: str = "model"
    answer: str = ""

    @property
    def passed(self) -> bool:
        return first_failure(self.checks) is None

    @property
    def reached(self) -> float:
        """How many checks it got through, and how much of the examples: the best of those that failed got furthest."""
        said = self.checks[-1].detail if self.checks and self.checks[-1].name == "examples" else ""
        return sum(check.status == "passed" for check in self.checks) + share(said)


def examine(request: Request, after: str, rules: Rules, bench: TestBench | None = None) -> Candidate:
    """Blocks: tests and linters run in here, what may run the workspace's own code with the request's consent only."""
    document = request.document
    made: list[CheckResult] = []
    change = Change(document, after)

    def static() -> Iterator[CheckResult]:
        yield check_applies(document, line_edits(document.text, after), after, document.version)
        yield check_parses(change)
        if rules.docs_only:
            yield check_code_unchanged(change)
        elif rules.allowed is not None:
            yield check_scope(change, rules.allowed)
        if document.language == "python" and not rules.docs_only:
            yield check_names(change, (request.root, *request.roots), libraries(request.root))

    for result in static():
        made.append(result)
        if result.status == "failed":
            return Candidate(after, tuple(made))
    if not rules.docs_only:
        formatted, layout = format_change(document, after, request.root, trusted=request.run)
        if layout is not None:
            made.append(layout)
            again = Change(document, formatted)
            if formatted != after and not _still(again, rules):
                made[-1] = replace(layout, status="could_not_run", detail="the formatter's layout was not used")
            else:
                after, change = formatted, again
    for check in _dynamic(request, change, rules, bench):
        made.append(check())
        if made[-1].status == "failed":
            break
    return Candidate(after, tuple(made))


def _still(change: Change, rules: Rules) -> bool:
    """Formatting left alone what the checks had found right."""
    kept = check_scope(change, rules.allowed).status != "failed" if rules.allowed is not None else True
    return kept and check_parses(change).status != "failed"


def _dynamic(
    request: Request, change: Change, rules: Rules, bench: TestBench | None
) -> Iterator[Callable[[], CheckResult]]:
    if rules.gone:
        yield lambda: _check_gone(request, change, rules.gone)
    if not rules.docs_only and (rules.tests or request.failing_test):
        if bench is not None and rules.tests:
            yield lambda: timed(rules.tests.name, lambda: judge(bench.run(change.after, rules.tests), rules.tests))
        else:
            yield lambda: check_tests(change, request.root, rules.tests, trusted=False)
    for result in check_linters(change, request.root, trusted=request.run):
        yield lambda result=result: result  # type: ignore[misc]


def _check_gone(request: Request, change: Change, wanted: tuple[Diagnostic, ...]) -> CheckResult:
    """The diagnostics that were to be fixed are no longer reported, where we can ask who reported them."""

    def check() -> Outcome:
        gone, told = list[str](), ""
        for diagnostic in wanted:
            source = "ruff" if _ruff_code(diagnostic.code) and not diagnostic.source else diagnostic.source
            said = compare(source, change, request.root, trusted=request.run)
            if isinstance(said, str):
                told = said
                continue
            before, after = ([item for item in side if item.rule in _codes(diagnostic)] for side in said)
            if not before:
                told = f"{source}, as this project configures it, does not report it"
            elif len(after) >= len(before):
                return "failed", f"line {after[0].line}: {after[0].rule} {after[0].message} is still there"
            else:
                gone.append(diagnostic.code)
        return ("passed", ", ".join(dict.fromkeys(gone))) if gone else ("could_not_run", told)

    return timed("diagnostic gone", check)


def _codes(diagnostic: Diagnostic) -> tuple[str, ...]:
    """As the tool writes it: TypeScript's editors leave out the `TS`."""
    return diagnostic.code, f"TS{diagnostic.code}", "vet" if diagnostic.source.lower() in ("compiler", "go vet") else ""


def _ruff_code(code: str) -> bool:
    return bool(code) and code[0].isalpha() and code[-1].isdigit() and code.upper() == code

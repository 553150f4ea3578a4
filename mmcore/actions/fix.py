"""Fix a diagnostic, a failing test or a fault that a picture shows: reproduce, try, check, feed back, be honest."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace

from mmcore.actions.examine import Candidate, Rules, examine
from mmcore.actions.outcome import conclude
from mmcore.actions.related import excerpt_of_test, related_code
from mmcore.actions.request import Diagnostic, Outcome, Request, Tools
from mmcore.actions.small_edits import small_edit
from mmcore.actions.speak import Said, speak, total
from mmcore.actions.target import code_of, target_of, text_of
from mmcore.edits.propose import FormError, propose_range, propose_rewrite
from mmcore.errors import InputError
from mmcore.prompt.actions.fix import render_fix, render_retry
from mmcore.syntax import Symbol
from mmcore.text import apply, line_at, line_starts
from mmcore.types import Message, Position, Range, Usage
from mmcore.verify.lint import diagnose
from mmcore.verify.result import Change, CheckResult, first_failure
from mmcore.verify.scope import same_code
from mmcore.verify.scratch import scratch_copy
from mmcore.verify.stopping import in_thread
from mmcore.verify.tests_run import Selection, TestBench, configures_pytest, judge, select, tail
from mmcore.verify.toolchain import project_python

# What later tries are sampled at. The first is greedy: where the model knows, that is the answer.
TEMPERATURES = (0.3, 0.6, 0.8, 0.9, 1.0)
MOST_DIAGNOSTICS = 20


@dataclass(frozen=True, slots=True)
class _Case:
    """What is known before the first try. Without a target it is about the lines `span` outside any definition.

    `fails`: the tests of `rules` were seen to fail on the code as it is.
    """

    request: Request
    target: Symbol | None
    span: Range
    rules: Rules
    bench: TestBench | None
    evidence: str
    fails: bool = False

    @property
    def name(self) -> str:
        return f"`{self.target.name}`" if self.target else f"lines {self.span.start.line + 1}-{self.span.end.line + 1}"


async def fix(tools: Tools, request: Request) -> Outcome:
    """Try the linter's own remedy, up to `actions.candidates` answers, and small mechanical edits where tests judge.

    Without a symbol, range, diagnostic or failing test, all that ruff says about the file is fixed, one by one.
    Raises InputError where there is nothing to fix or no code to fix it in; EngineError.
    """
    seen = [await tools.read(image) for image in request.images]
    about = request.range or request.symbol or request.diagnostics or request.failing_test or request.instruction
    if not about and not seen and (found := await in_thread(reported, request)):
        return await _fix_all(tools, request, found)
    target = target_of(request)
    span = target.range if target else _lines(request)
    if span is None:
        raise InputError("name what is to be fixed: a function (FILE:NAME), lines (FILE:A-B), or a diagnostic in one")
    with ExitStack() as held:
        tools.say("reproducing")
        evidence = "\n\n".join(reading.text for reading in seen)
        case = await in_thread(_reproduce, held, request, target, span, evidence)
        tried, usage = await _search(tools, case)
    return conclude(request, tried, usage, f"fix {case.name}")


def reported(request: Request) -> tuple[Diagnostic, ...]:
    """What ruff, as the project configures it, says about the document."""
    document = request.document
    if document.path is None:
        return ()
    found = diagnose(document.path, document.text, document.language, request.root)
    return tuple(
        Diagnostic(Range(Position(item.line - 1, 0), Position(item.line - 1, 0)), item.message, item.rule, "ruff")
        for item in found
    )


async def _fix_all(tools: Tools, request: Request, found: tuple[Diagnostic, ...]) -> Outcome:
    """One after another, each in the text that the ones before have left; those that fail are left out."""
    now, usage, number = request, Usage(), 0
    checks: list[CheckResult] = []
    while found and number < MOST_DIAGNOSTICS:
        number += 1
        first, found = found[0], found[1:]
        outcome = await fix(tools, replace(now, diagnostics=(first,)))
        usage = total(usage, outcome.usage)
        title = f"{first.code} in line {first.range.start.line + 1}"
        failed = first_failure(outcome.checks)
        checks.append(
            CheckResult(title, "failed" if failed else "passed", f"{failed.name}: {failed.detail}" if failed else "")
        )
        if outcome.passed:
            now = replace(now, document=replace(now.document, text=outcome.after))
            left = await in_thread(reported, now)
            tried = {check.name for check in checks if check.status == "failed"}
            found = tuple(d for d in left if f"{d.code} in line {d.range.start.line + 1}" not in tried)
    whole = Candidate(now.document.text, tuple(check for check in checks if check.status == "passed"))
    fixed = conclude(request, [whole], usage, f"fix {len(whole.checks)} of {len(checks)} diagnostics")
    if now.document.text == request.document.text:
        return replace(fixed, checks=tuple(checks), passed=False)
    return replace(fixed, checks=tuple(checks), candidates=number)


def _lines(request: Request) -> Range | None:
    """Whole lines of what is asked about, where no definition holds it."""
    span = request.range or (request.diagnostics[0].range if request.diagnostics else None)
    if span is None:
        return None
    end = line_at(request.document.text, min(span.end.line, len(line_starts(request.document.text)) - 1))
    return Range(Position(span.start.line, 0), Position(span.end.line, len(end)))


def _reproduce(held: ExitStack, request: Request, target: Symbol | None, span: Range, seen: str) -> _Case:
    """Run what is said to fail, if it may run. Raises InputError when it passes already."""
    name = target.name if target else ""
    selection = select(Change(request.document, request.document.text), request.root, name, request.failing_test)
    rules = Rules(allowed=span, gone=request.diagnostics, tests=selection)
    evidence = [*(f"line {d.range.start.line + 1}: {d.code} {d.message}" for d in request.diagnostics)]
    evidence += [seen] if seen else []
    if not (request.run and selection and request.document.path):
        return _Case(request, target, span, rules, None, "\n".join(evidence))
    copy = held.enter_context(scratch_copy(request.root, {}))
    # Loading every plugin that is installed takes seconds; where nothing hints at one, only if a test asks for it.
    plugins = configures_pytest(request.root)
    bench = TestBench(request.root, request.document.path, copy, project_python(request.root), plugins=plugins)
    ran = bench.run(request.document.text, selection)
    status, detail = judge(ran, selection)
    if status == "passed" and request.failing_test:
        raise InputError(f"{request.failing_test} passes already; there is nothing to fix")
    if status == "could_not_run":
        return _Case(request, target, span, replace(rules, tests=Selection()), bench, "\n".join(evidence))
    if status == "failed":
        evidence += [excerpt_of_test(request.root, selection), tail(detail)]
    return _Case(request, target, span, rules, bench, "\n".join(part for part in evidence if part), status == "failed")


async def _search(tools: Tools, case: _Case) -> tuple[list[Candidate], Usage]:
    request = case.request
    if remedy := await in_thread(_remedy, case):
        return [remedy], Usage()
    code = code_of(request, case.target) if case.target else text_of(request.document.text, case.span)
    problem = request.instruction or ("This fails." if case.evidence else "There is a bug in this code.")
    related = await in_thread(related_code, tools, request, case.target) if case.target else ""
    if case.rules.tests.targets and not case.fails:
        related += "\n" + await in_thread(excerpt_of_test, request.root, case.rules.tests)
    first = render_fix(code, request.document.language, case.name, problem, case.evidence, related)
    # A test's text can lead a small model astray: the documentation alone is a second way to ask.
    wish = request.instruction or "There is a bug in this code."
    plain = render_fix(code, request.document.language, case.name, wish, "", related) if case.fails else first
    options = tools.settings.actions
    tried: list[Candidate] = []
    usage = Usage()
    messages = first
    for number in range(options.candidates):
        tools.say(f"candidate {number + 1} of at most {options.candidates}")
        fresh = number == 0 or (number == 2 and plain != first)
        temperature = 0.0 if fresh else TEMPERATURES[min(number - 1, len(TEMPERATURES) - 1)]
        said = await speak(tools, messages, temperature=temperature, seed=number)
        usage = total(usage, said.usage)
        candidate = await in_thread(_judge, case, said)
        if all(candidate.after != other.after for other in tried) or candidate.passed:
            tried.append(candidate)
        if candidate.passed:
            break
        if number == _small_edits_after(case):
            tools.say("trying small edits")
            small, spent = await small_edit(tools, request, case.span, case.rules, case.bench, code)
            usage = total(usage, spent)
            if small is not None:
                return [small, *tried], usage
        messages = _next_messages(plain if number == 1 else first, messages, candidate, number, options.rounds)
    return tried, usage


def _small_edits_after(case: _Case) -> int | None:
    """After which try they come: at once where tests judge, later where only a few examples do, which judge less."""
    if case.bench is None or not case.fails:
        return None
    return 0 if case.rules.tests.targets else 1


def _next_messages(
    first: tuple[Message, ...], messages: tuple[Message, ...], candidate: Candidate, number: int, rounds: int
) -> tuple[Message, ...]:
    """Every other try goes on from what the checks said, at most `rounds` times; those between start with `first`.

    A small model that goes on repeats its mistake; one that starts afresh forgets what it was told.
    """
    failure = first_failure(candidate.checks)
    if failure is None or number % 2 or number // 2 >= rounds:
        return first
    return render_retry(messages, candidate.answer, f"{failure.name}: {failure.detail}")


def _judge(case: _Case, said: Said) -> Candidate:
    document = case.request.document
    try:
        if case.target:
            after = propose_rewrite(document, case.target, said.text, cut_off=said.cut_off)
        else:
            after = propose_range(document, case.span, said.text, cut_off=said.cut_off)
    except FormError as error:
        return Candidate(document.text, (CheckResult("form", "failed", str(error)),), answer=said.text)
    if not case.request.diagnostics and same_code(document.text, after, document.language):
        unchanged = CheckResult(
            "changes the code", "failed", "This is the same code as before. Find what is wrong in it."
        )
        return Candidate(after, (unchanged,), answer=said.text)
    return replace(examine(case.request, after, case.rules, case.bench), answer=said.text)


def _remedy(case: _Case) -> Candidate | None:
    """The linter's own correction of the diagnostic, where it has one and that passes: nothing is cheaper."""
    request = case.request
    path = request.document.path
    wanted = {(d.code, d.range.start.line + 1) for d in request.diagnostics}
    if not wanted or path is None:
        return None
    for finding in diagnose(path, request.document.text, request.document.language, request.root):
        if (finding.rule, finding.line) in wanted and finding.remedy:
            after = apply(request.document.text, finding.remedy)
            candidate = examine(request, after, replace(case.rules, allowed=None), case.bench)
            if candidate.passed:
                return replace(candidate, origin="ruff's own correction")
    return None

"""Fix a diagnostic, a failing test or a fault that a picture shows: reproduce, try, check, feed back, be honest."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice

from mmcore.actions.examine import Candidate, Rules, examine
from mmcore.actions.outcome import conclude
from mmcore.actions.related import excerpt_of_test, related_code
from mmcore.actions.request import Outcome, Request, Tools
from mmcore.actions.speak import Said, speak, total
from mmcore.actions.target import code_of, target_of
from mmcore.context.syntax import Symbol
from mmcore.edits.propose import FormError, propose_rewrite
from mmcore.errors import InputError
from mmcore.prompt.actions.fix import render_fix, render_retry
from mmcore.types import Message, Usage
from mmcore.verify.mutants import Mutant, mutants
from mmcore.verify.result import Change, CheckResult, first_failure
from mmcore.verify.scratch import scratch_copy
from mmcore.verify.tests_run import Selection, TestBench, judge, select, tail
from mmcore.verify.toolchain import project_python

# What later tries are sampled at. The first is greedy: where the model knows, that is the answer.
TEMPERATURES = (0.3, 0.6, 0.8, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class _Case:
    """What is known before the first try."""

    request: Request
    target: Symbol
    rules: Rules
    bench: TestBench | None
    evidence: str


async def fix(tools: Tools, request: Request) -> Outcome:
    """Try up to `actions.candidates` answers, small mechanical edits between them where tests can judge those.

    Raises InputError where there is nothing to fix or no code to fix it in; EngineError.
    """
    seen = [await tools.read(image) for image in request.images]
    target = target_of(request)
    if target is None:
        raise InputError("name what is to be fixed: a function (FILE:NAME), lines (FILE:A-B), or a diagnostic in one")
    with ExitStack() as held:
        tools.say("reproducing")
        case = await asyncio.to_thread(_reproduce, held, request, target, "\n\n".join(r.text for r in seen))
        tried, usage = await _search(tools, case)
    return conclude(request, tried, usage, f"fix `{target.name}`")


def _reproduce(held: ExitStack, request: Request, target: Symbol, seen: str) -> _Case:
    """Run what is said to fail, if it may run. Raises InputError when it passes already."""
    selection = select(Change(request.document, request.document.text), request.root, target.name, request.failing_test)
    rules = Rules(allowed=target.range, gone=request.diagnostics, tests=selection)
    evidence = [*(f"line {d.range.start.line + 1}: {d.code} {d.message}" for d in request.diagnostics)]
    evidence += [seen] if seen else []
    if not (request.run and selection and request.document.path):
        return _Case(request, target, rules, None, "\n".join(evidence))
    copy = held.enter_context(scratch_copy(request.root, {}))
    bench = TestBench(request.root, request.document.path, copy, project_python(request.root))
    ran = bench.run(request.document.text, selection)
    status, detail = judge(ran, selection)
    if status == "passed" and request.failing_test:
        raise InputError(f"{request.failing_test} passes already; there is nothing to fix")
    if status == "could_not_run":
        return _Case(request, target, replace(rules, tests=Selection()), bench, "\n".join(evidence))
    if status == "failed":
        evidence += [excerpt_of_test(request.root, selection), tail(detail)]
    return _Case(request, target, rules, bench, "\n".join(part for part in evidence if part))


async def _search(tools: Tools, case: _Case) -> tuple[list[Candidate], Usage]:
    request, target = case.request, case.target
    code = code_of(request, target)
    problem = request.instruction or ("This fails." if case.evidence else "There is a bug in this code.")
    related = related_code(request, target)
    first = render_fix(code, request.document.language, target.name, problem, case.evidence, related)
    options = tools.settings.actions
    tried: list[Candidate] = []
    usage = Usage()
    messages = first
    for number in range(options.candidates):
        tools.say(f"candidate {number + 1} of at most {options.candidates}")
        temperature = 0.0 if number == 0 else TEMPERATURES[min(number - 1, len(TEMPERATURES) - 1)]
        said = await speak(tools, messages, temperature=temperature, seed=number)
        usage = total(usage, said.usage)
        candidate = await asyncio.to_thread(_judge, case, said)
        if all(candidate.after != other.after for other in tried) or candidate.passed:
            tried.append(candidate)
        if candidate.passed:
            break
        if number == 0 and (small := await asyncio.to_thread(_small_edits, case, options.small_edits)):
            tools.say("a small edit passes")
            return [small, *tried], usage
        messages = _next_messages(first, messages, candidate, number, options.rounds)
    return tried, usage


def _next_messages(
    first: tuple[Message, ...], messages: tuple[Message, ...], candidate: Candidate, number: int, rounds: int
) -> tuple[Message, ...]:
    """Every other try goes on from what the checks said, at most `rounds` times; those between start afresh.

    A small model that goes on repeats its mistake; one that starts afresh forgets what it was told.
    """
    failure = first_failure(candidate.checks)
    if failure is None or number % 2 or number // 2 >= rounds:
        return first
    return render_retry(first, candidate.answer, f"{failure.name}: {failure.detail}")


def _judge(case: _Case, said: Said) -> Candidate:
    document = case.request.document
    try:
        after = propose_rewrite(document, case.target, said.text, cut_off=said.cut_off)
    except FormError as error:
        return Candidate(document.text, (CheckResult("form", "failed", str(error)),), answer=said.text)
    return replace(examine(case.request, after, case.rules, case.bench), answer=said.text)


def _small_edits(case: _Case, most: int) -> Candidate | None:
    """The first of the function's mutants that passes every check."""
    request = case.request
    if case.bench is None or not case.rules.tests or request.document.language != "python":
        return None
    for mutant in _mutants(case, most):
        ran = case.bench.run(mutant.text, case.rules.tests)
        if judge(ran, case.rules.tests)[0] == "passed":
            candidate = examine(request, mutant.text, case.rules, case.bench)
            if candidate.passed:
                return replace(candidate, origin=f"found by trying small edits, {mutant.description}")
    return None


def _mutants(case: _Case, most: int) -> Iterator[Mutant]:
    span = case.target.range
    try:
        yield from islice(mutants(case.request.document.text, span.start.line + 1, span.end.line + 1), most)
    except SyntaxError:
        return  # a file that does not parse is for the model alone

"""Mend a function by one small mechanical edit, where tests or examples fail and can judge it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from mmcore.actions.examine import Candidate, Rules, examine
from mmcore.actions.request import Request, Tools
from mmcore.actions.speak import speak
from mmcore.prompt.actions.fix import render_choice
from mmcore.types import Range, Usage
from mmcore.verify.batch import run_selection
from mmcore.verify.mutants import Mutant, mutants
from mmcore.verify.stopping import in_thread
from mmcore.verify.tests_run import TestBench
from mmcore.verify.tree_mutants import tree_mutants

# More than these are not told apart by a model, nor read by a person.
MOST_CHOICES = 9
MOST_RUNS = 12


async def small_edit(
    tools: Tools, request: Request, span: Range, rules: Rules, bench: TestBench | None, code: str
) -> tuple[Candidate | None, Usage]:
    """The first mutant of `span` that passes every check; of several that pass examples, the one that the model takes.

    A few examples let wrong edits through too, which a test suite does not. `code` is what the model is shown. Raises
    EngineError.
    """
    if bench is None:
        return None, Usage()
    passing = await in_thread(_passing, request, span, rules, bench, tools.settings.actions.small_edits)
    passing, usage = passing[:MOST_CHOICES], Usage()
    if len(passing) > 1 and not rules.tests.targets:
        asked = render_choice(code, request.document.language, [mutant.description for mutant in passing])
        said = await speak(tools, asked)
        usage = said.usage
        if (number := re.search(r"\d+", said.text)) and 1 <= int(number[0]) <= len(passing):
            passing.insert(0, passing.pop(int(number[0]) - 1))
    for mutant in passing:
        # Once more by itself and with every other check: a batch only says where to look.
        candidate = await in_thread(examine, request, mutant.text, rules, bench)
        if candidate.passed:
            return replace(candidate, origin=f"found by trying small edits, {mutant.description}"), usage
    return None, usage


def _passing(request: Request, span: Range, rules: Rules, bench: TestBench, most: int) -> list[Mutant]:
    first, last = span.start.line + 1, span.end.line + 1
    document = request.document
    if document.language != "python":
        # Each is a run of the project's own runner, seconds and not milliseconds.
        some = islice(tree_mutants(document.text, document.language, first, last), min(most, MOST_RUNS))
        passed = (mutant for mutant in some if bench.run(mutant.text, rules.tests).status == 0)
        return list(islice(passed, 1))
    try:
        tries: Sequence[Mutant] = list(islice(mutants(request.document.text, first, last), most))
    except SyntaxError:
        return []  # a file that does not parse is for the model alone
    texts = [mutant.text for mutant in tries]
    verdicts = run_selection(bench, texts, rules.tests, first=bool(rules.tests.targets))
    return [mutant for mutant, verdict in zip(tries, verdicts, strict=False) if verdict.status == 0]

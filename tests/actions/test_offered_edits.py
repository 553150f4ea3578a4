"""Whatever a model says: an edit that is offered applies to the version that it names and breaks no file."""

from __future__ import annotations

import ast
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mmcore import syntax
from mmcore.actions.document import compose, place, slots_of
from mmcore.actions.examine import Candidate, Rules, examine
from mmcore.actions.request import Request
from mmcore.context.facts import Facts, facts_of
from mmcore.edits.diff import line_edits
from mmcore.edits.propose import FormError, propose_range, propose_rewrite
from mmcore.prompt.actions.document import read_slots
from mmcore.text import apply, offsets, position_at
from mmcore.types import Document, Range
from mmcore.verify.result import CheckResult

PYTHON = '''\
"""Ünïcode 模块."""

import os
from typing import List


@decorated
def first(a: int, b: List[int] = []) -> int:
    """Add — 加."""
    total = a
    for item in b:
        total += item  # 💡
    return total


class Box:
    size = 3

    def grow(self, by):
        if by:
            self.size += by
        return self.size

    async def wait(self):
        return [x async for x in self]


def last(): return os.sep
'''
TYPESCRIPT = """\
export function greet(name: string): string {
  return `Grüße, ${name}`;
}

class Shop {
  total(items: number[]): number {
    return items.reduce((a, b) => a + b, 0);
  }
}
const twice = (x: number) => {
  return x * 2;
};
"""
TABBED = PYTHON.replace("    ", "\t")
DOCUMENTS = [
    ("python", PYTHON),
    ("python", TABBED),
    ("python", PYTHON.rstrip("\n")),
    ("python", PYTHON.replace("return total", "return total +")),
    ("typescript", TYPESCRIPT),
    ("typescript", TYPESCRIPT.replace("  ", "\t")),
]
PIECES = [
    *(
        "```python\n",
        "```\n",
        "~~~\n",
        "````markdown\n",
        "```typescript\n",
        "Here is the code:\n",
        "\r\n",
        "\t",
        "    ",
    ),
    *("def first(a, b=[]):\n    return sum(b, a)\n", "def first(a, b=[]):\n  total = a\n  return total\n"),
    *(
        "def grow(self, by):\n\tself.size -= by\n\treturn self.size\n",
        "class Box:\n    def grow(self, by):\n        pass\n",
    ),
    *(
        "def other():\n    pass\n",
        "import math\n",
        "from os import path\n",
        "    return 1\n",
        "return 1\n",
        "}",
        "{",
        '"""',
    ),
    *(
        "function greet(name: string): string { return name; }\n",
        "fn main() { println!(); }\n",
        "  total(items) { return 0 }\n",
    ),
    *("<<<<<<< SEARCH\n", "=======\n", ">>>>>>> REPLACE\n", "    total = a\n", "    total = a + 0\n", "<|im_end|>"),
    *(
        "async def wait(self):\n    await self\n",
        "def last():\n    return '\\u2028'\n",
        "# é\u2028\n",
        "\x0c",
        "x = '''\n",
        "…" * 50,
    ),
    *("@decorated\n", "const twice = (x: number) => {\n  return x + x;\n};\n", "\ud7ff", "pass\n" * 300),
]
outputs = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=14).map("".join),
    st.text(max_size=300),
    st.builds(
        lambda text, n: text[:n],
        st.sampled_from([PYTHON, TABBED, TYPESCRIPT, f"```python\n{PYTHON}```"]),
        st.integers(0, 600),
    ),
    st.builds(
        lambda a, b: f"```python\n{a}{b}", st.sampled_from(PIECES), st.text(alphabet="ab(\n\t :'\"#`\r", max_size=60)
    ),
)
HUGE = [
    "```python\n" + PYTHON * 400 + "```",
    "x" * 400_000,
    "```python\ndef first(a, b=[]):\n" + "    a = (a)\n" * 10_000 + "    return a\n```",
    "(" * 50_000,
    "```\n" * 20_000,
    "<<<<<<< SEARCH\n" + "    total = a\n" * 20_000 + "=======\n>>>>>>> REPLACE",
]
newlines = st.sampled_from(["\n", "\r\n", "\r"])


def document_of(language: str, text: str, newline: str) -> Document:
    return Document("file:///w/code", language, text.replace("\n", newline), version=7)


def check(document: Document, after: str, allowed: Range) -> None:
    request = Request(document, roots=(Path("/nonexistent"),))
    candidate = examine(request, after, Rules(allowed=allowed))
    if not candidate.passed:
        return
    edits = line_edits(document.text, candidate.after)
    assert document.version == 7
    assert edits
    assert apply(document.text, edits) == candidate.after
    if document.language == "python" and parses(document.text):
        assert parses(candidate.after)
        return
    before, now = syntax.parse(document.text, document.language), syntax.parse(candidate.after, document.language)
    assert before
    assert now
    assert syntax.errors(now) <= syntax.errors(before)


def parses(text: str) -> bool:
    # Where warnings are errors, `"\c"` is no syntax.
    with warnings.catch_warnings(action="ignore"):
        try:
            ast.parse(text)
        except (SyntaxError, ValueError):
            return False
    return True


@settings(max_examples=2500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(DOCUMENTS), newlines, st.integers(0, 9), outputs, st.booleans())
def test_an_offered_rewrite_always_applies_and_never_breaks_a_file(
    base: tuple[str, str], newline: str, which: int, output: str, cut_off: bool
) -> None:
    document = document_of(*base, newline)
    found = syntax.symbols(document.text, document.language)
    if not found:  # the grammars know no lone CR as a line end
        return
    target = found[which % len(found)]
    try:
        after = propose_rewrite(document, target, output, cut_off=cut_off)
    except FormError:
        return
    check(document, after, target.range)


@pytest.mark.parametrize("output", HUGE, ids=range(len(HUGE)))
@pytest.mark.parametrize("base", [DOCUMENTS[0], DOCUMENTS[4]], ids=["python", "typescript"])
def test_a_huge_output_is_refused_or_makes_an_edit_that_applies(base: tuple[str, str], output: str) -> None:
    document = document_of(*base, "\n")
    target = syntax.symbols(document.text, document.language)[0]
    for cut_off in (False, True):
        try:
            after = propose_rewrite(document, target, output, cut_off=cut_off)
        except FormError:
            continue
        check(document, after, target.range)


@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(DOCUMENTS), newlines, st.integers(0, 700), st.integers(0, 120), outputs)
@example(DOCUMENTS[0], "\n", 3, 3, "\\")
def test_offered_new_code_always_applies_and_never_breaks_a_file(
    base: tuple[str, str], newline: str, begin: int, length: int, output: str
) -> None:
    document = document_of(*base, newline)
    begin = min(begin, len(document.text))
    span = Range(position_at(document.text, begin), position_at(document.text, min(begin + length, len(document.text))))
    try:
        after = propose_range(document, span, output, cut_off=False)
    except FormError:
        return
    check(document, after, Range(position_at(document.text, 0), position_at(document.text, len(document.text))))


RUST = """\
/// Old.
#[inline]
pub fn add<'a>(a: &'a str, (b, c): (i32, i32)) -> Result<String, ()> {
    assert!(b > c);
    Ok(a.into())
}
impl Shop {
    pub fn total(&self) -> f64 { 1.0 }
}
"""
GO = """\
package shop

func (s *Shop) Total(rate float64, names ...string) (float64, error) { return rate, nil }

type Shop struct{ sum float64 }
"""
DOCUMENTED = [*DOCUMENTS[:3], *DOCUMENTS[4:], ("rust", RUST), ("go", GO)]
NASTY = [
    '"""',
    "\\",
    "*/ code(); /*",
    "\\N{bad}",
    "'''\"\"\"",
    "x\u2028y",
    "é" * 200,
    "`a` <b> @param {x} y",
    '"',
    "\x0c",
]
sentences = st.one_of(st.text(max_size=60), st.sampled_from(NASTY))


@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(DOCUMENTED), st.sampled_from(["\n", "\r\n"]), st.integers(0, 9), st.data())
def test_whatever_documentation_says_the_code_stays_the_same(
    base: tuple[str, str], newline: str, which: int, data: st.DataObject
) -> None:
    document = document_of(*base, newline)
    found = syntax.symbols(document.text, document.language)
    symbol = found[which % len(found)]
    facts = facts_of(document.text, document.language, symbol) or Facts()
    slots = slots_of(facts)
    answer = "\n".join(f"{slot}: {data.draw(sentences)}" for slot in slots) + data.draw(outputs)
    doc = compose(symbol.name, facts, read_slots(answer, slots))
    style = data.draw(st.sampled_from(["google", "numpy", "sphinx"]))
    after = place(document.text, document.language, symbol, doc, style)
    if after is None or after == document.text:
        return
    candidate = examine(Request(document, roots=(Path("/nonexistent"),)), after, Rules(docs_only=True))
    assert candidate.passed, candidate.checks
    assert apply(document.text, line_edits(document.text, candidate.after)) == candidate.after


@settings(max_examples=1000, deadline=None)
@given(st.text(alphabet="ab\r\n\t é💡\u2028\x0c", max_size=80), st.text(alphabet="ab\r\n\t é💡\u2028\x0c", max_size=80))
def test_edits_between_any_two_texts_turn_one_into_the_other(before: str, after: str) -> None:
    edits = line_edits(before, after)
    for edit in edits:
        assert offsets(before, edit.range) == tuple(sorted(offsets(before, edit.range)))
    assert apply(before, edits) == after


def test_an_edit_is_refused_when_nothing_would_change() -> None:
    document = document_of("python", PYTHON, "\n")
    candidate = examine(Request(document), document.text, Rules())
    assert not candidate.passed
    assert candidate.checks[-1] == CheckResult(
        "applies", "failed", "nothing would change", candidate.checks[-1].milliseconds
    )


def test_a_candidate_that_breaks_the_file_is_not_offered() -> None:
    document = document_of("python", PYTHON, "\n")
    candidate: Candidate = examine(Request(document), document.text.replace("return total", "return ("), Rules())
    assert [(check.name, check.status) for check in candidate.checks] == [("applies", "passed"), ("parses", "failed")]

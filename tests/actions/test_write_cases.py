"""Tests and fixes in other languages than Python, with a runner that prints what the real ones print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from mmcore.context.document import read_document
from mmcore.errors import InputError
from mmcore.verify.result import Change
from mmcore.verify.tests_run import select

# Stands in for Vitest, whose output tests/verify/outputs has: it runs `expect(clamp(…)).toBe(…)` only.
VITEST = """\
#!{python}
import json, operator, re, sys
from pathlib import Path
signs = {{"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}}
report = next(a.partition("=")[2] for a in sys.argv if a.startswith("--outputFile="))
code = Path("src/sums.ts").read_text()
low, high = (signs[re.search(rf"value (\\S+) {{name}}", code)[1]] for name in ("low", "high"))
clamp = lambda v, l, h: l if low(v, l) else h if high(v, h) else v
cases = []
for file in sys.argv[1:]:
    if not file.endswith(".test.ts"):
        continue
    text = Path(file).read_text()
    if "clamp" in text and "import {{ clamp }} from" not in text:
        sys.exit("ReferenceError: clamp is not defined")
    for name, body in re.findall(r"test\\('(.+?)', \\(\\) => \\{{(.*?)\\}}\\)", text, re.S):
        wrong = [e for e in re.findall(r"expect\\((.+?)\\)\\.toBe\\((.+?)\\)", body) if eval(e[0]) != eval(e[1])]
        said = [f"AssertionError: expected {{eval(wrong[0][0])}} to be {{wrong[0][1]}}"] if wrong else []
        cases.append({{"fullName": name, "status": "failed" if wrong else "passed", "failureMessages": said}})
Path(report).write_text(json.dumps({{"testResults": [{{"assertionResults": cases}}]}}))
sys.exit(any(case["status"] == "failed" for case in cases))
"""
SUMS = """\
export function clamp(value: number, low: number, high: number): number {
  if (value < low) {
    return low;
  }
  return value > high ? high : value;
}
"""
ANSWER = """\
```typescript
import { clamp } from './wrong';
import { vi } from 'vitest';
describe('clamp', () => {
  it('low', () => { expect(clamp(-1, 0, 3)).toBe(0); });
  it('high', () => {
    expect(clamp(9, 0, 3)).toBe(3);
    expect(clamp(9, 0, 3)).toBe(4);
  });
  it('wrong', () => { expect(clamp(2, 0, 3)).toBe(7); });
});
```
"""


@pytest.fixture
def project(workspace: Any) -> Any:
    """Node's modules belong to no workspace that git tracks, as here."""
    workspace.write("package.json", '{"devDependencies": {"vitest": "^3"}}')
    workspace.write("src/sums.ts", SUMS)
    workspace.write("node_modules/.bin/vitest", VITEST.format(python=sys.executable)).chmod(0o755)
    return workspace


async def test_cases_are_kept_that_pass_and_notice_changes(project: Any, statuses: Any) -> None:
    outcome = await project.act("test", "src/sums.ts", [ANSWER], symbol="clamp", run=True)
    assert outcome.passed, outcome.checks
    assert outcome.document.path == project.root / "src" / "sums.test.ts"
    assert outcome.after.startswith(
        "import { expect, test } from 'vitest';\nimport { clamp } from './sums';\n\ntest('low'"
    )
    assert "high_1" in outcome.after
    assert "wrong" not in outcome.after
    assert "toBe(4)" not in outcome.after
    assert statuses(outcome) == {
        "applies": "passed",
        "parses": "passed",
        "tests": "passed",
        "mutants": "passed",
        "coverage": "could_not_run",
    }
    assert outcome.diff.startswith("--- /dev/null\n+++ b/src/sums.test.ts\n")
    assert not (project.root / "src" / "sums.test.ts").exists()


async def test_they_go_where_the_project_keeps_its_tests(project: Any) -> None:
    project.write("tests/other.spec.ts", "")
    outcome = await project.act("test", "src/sums.ts", [ANSWER], symbol="clamp")
    assert outcome.document.path == project.root / "tests" / "sums.spec.ts"
    assert "from '../src/sums';" in outcome.after


async def test_nothing_runs_without_consent(project: Any, statuses: Any) -> None:
    ran = project.root / "ran"
    program = f"#!{sys.executable}\nopen({str(ran)!r}, 'w')\n"
    project.write("node_modules/.bin/vitest", program).chmod(0o755)
    outcome = await project.act("test", "src/sums.ts", [ANSWER], symbol="clamp")
    assert statuses(outcome)["tests"] == "could_not_run"
    assert not ran.exists()


async def test_what_is_not_exported_cannot_be_tested(project: Any) -> None:
    project.write("src/sums.ts", SUMS.replace("export ", ""))
    with pytest.raises(InputError, match="does not export `clamp`"):
        await project.act("test", "src/sums.ts", [ANSWER], symbol="clamp")


async def test_a_project_without_a_runner_is_told_what_is_missing(workspace: Any) -> None:
    workspace.write("a.rs", "fn f() {}\n")
    with pytest.raises(InputError, match=r"a Cargo\.toml or go\.mod"):
        await workspace.act("test", "a.rs", ["x"], symbol="f")


async def test_a_fix_is_judged_by_the_tests_that_mention_it(project: Any, fenced: Any, statuses: Any) -> None:
    project.write("src/sums.ts", SUMS.replace("value < low", "value > low"))
    test = "import { clamp } from './sums';\ntest('low', () => { expect(clamp(-1, 0, 3)).toBe(0) })\n"
    project.write("src/sums.test.ts", test)
    answers = [fenced(SUMS.replace("value < low", "value >= low"), "typescript"), fenced(SUMS, "typescript")]
    outcome = await project.act("fix", "src/sums.ts", answers, symbol="clamp", run=True)
    assert outcome.passed
    assert "expected -1 to be 0" in project.prompts()[0]
    assert statuses(outcome)["tests"] == "passed"
    assert "small edits, line 2: `>`" in outcome.message


def test_the_narrowest_tests_of_each_language_are_chosen(tmp_path: Path) -> None:
    files = {
        "Cargo.toml": "",
        "src/lib.rs": "pub fn clamp() {}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn low() { clamp(); }\n"
        "    #[test]\n    fn other() {}\n}\n",
        "go.mod": "module m\n",
        "pkg/sums.go": "package pkg\n\nfunc Clamp() {}\n",
        "pkg/sums_test.go": "package pkg\n\nfunc TestClamp(t *testing.T) { Clamp() }\n\nfunc TestB(t *testing.T) {}\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    for name, symbol, targets in (
        ("src/lib.rs", "clamp", ("low",)),
        ("pkg/sums.go", "Clamp", ("./pkg::TestClamp",)),
        ("pkg/sums.go", "Other", ()),
    ):
        document = read_document(tmp_path / name)
        assert select(Change(document, document.text), tmp_path, symbol).targets == targets
    document = read_document(tmp_path / "src/lib.rs")
    assert select(Change(document, document.text), tmp_path, "clamp", "tests::low").targets == ("tests::low",)

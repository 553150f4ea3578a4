"""Document, test, generate, explain, review."""

from __future__ import annotations

from typing import Any

import pytest

from mmcore.errors import DocumentError, InputError
from mmcore.types import Position, Range

CLAMP = """\
def clamp(x: int, low: int = 0, *, high=9):
    if low > high:
        raise ValueError("low is above high")
    if x < low:
        return low
    return min(x, high)
"""
SLOTS = (
    "SUMMARY: Keep a number within bounds.\nPARAM x: The number.\nPARAM low: The least value.\n"
    "PARAM invented: Does not exist.\nRETURNS: The number, or the bound that it broke.\n"
)
DOCUMENTED = '''\
def clamp(x: int, low: int = 0, *, high=9):
    """Keep a number within bounds.

    Args:
        x (int): The number.
        low (int): The least value.
        high: Defaults to `9`.

    Returns:
        The number, or the bound that it broke.

    Raises:
        ValueError: With the message “low is above high”.
    """
'''


async def test_facts_come_from_the_code_whatever_the_model_leaves_out_or_invents(workspace: Any, statuses: Any) -> None:
    workspace.write("a.py", CLAMP)
    outcome = await workspace.act("document", "a.py", [SLOTS], symbol="clamp")
    assert outcome.passed
    assert outcome.after == DOCUMENTED + CLAMP.split("\n", 1)[1]
    assert statuses(outcome)["code unchanged"] == "passed"
    facts = next(check for check in outcome.checks if check.name == "facts")
    assert facts.detail == "`clamp`: PARAM high, RAISES ValueError written from the code"


async def test_the_style_is_the_projects(workspace: Any) -> None:
    workspace.write("b.py", 'def g(a):\n    """G.\n\n    :param a: A.\n    :return: A.\n    """\n    return a\n')
    workspace.write("a.py", CLAMP)
    outcome = await workspace.act("document", "a.py", [SLOTS], symbol="clamp")
    assert ":param x: The number." in outcome.after
    workspace.write("pyproject.toml", '[tool.ruff.lint.pydocstyle]\nconvention = "numpy"\n')
    outcome = await workspace.act("document", "a.py", [SLOTS], symbol="clamp")
    assert "Parameters\n    ----------\n    x : int\n" in outcome.after


async def test_every_public_definition_of_a_file_is_documented(workspace: Any) -> None:
    box = "class Box:\n    def grow(self, by):\n        return by\n\n    def _own(self): ...\n\n\n"
    workspace.write("a.py", f"{box}def last():\n    pass\n")
    outcome = await workspace.act("document", "a.py", ["SUMMARY: Does what it says it does."])
    assert outcome.passed
    assert outcome.after.count('"""Does what it says it does.') == 4
    assert "_own(self): ..." in outcome.after


async def test_other_languages_get_their_own_comments(workspace: Any, statuses: Any) -> None:
    workspace.write("a.ts", "export function add(a: number, b = 2): number {\n  return a + b;\n}\n")
    answer = "SUMMARY: Add two numbers.\nPARAM a: The first.\nPARAM b: The second.\nRETURNS: The sum."
    outcome = await workspace.act("document", "a.ts", [answer], symbol="add")
    assert outcome.passed
    assert outcome.after.startswith("/**\n * Add two numbers.\n *\n * @param {number} a - The first.\n")
    assert statuses(outcome)["code unchanged"] == "passed"


async def test_a_file_gets_a_docstring_of_its_own(workspace: Any) -> None:
    workspace.write("a.py", "def f():\n    return 1\n\n\ndef g():\n    return 2\n")
    outcome = await workspace.act("document", "a.py", ["SUMMARY: Holds two constants."])
    assert outcome.passed
    assert outcome.after.startswith('"""Holds two constants."""\n\ndef f():\n    """')
    assert outcome.message.startswith("document the file and 2 definitions")


async def test_only_what_is_public_is_documented(workspace: Any) -> None:
    workspace.write("a.go", "package a\n\nfunc Open() {}\n\nfunc inner() {}\n\nfunc Close() {}\n")
    outcome = await workspace.act("document", "a.go", ["SUMMARY: Do what it says."])
    assert outcome.passed
    assert outcome.after.count("// ") == 2
    assert "// Open does what it says.\nfunc Open" in outcome.after


async def test_a_readme_says_what_a_folder_holds(workspace: Any, statuses: Any) -> None:
    workspace.write(
        "shop/cart.py", '"""Sum up what\nis bought.\n\nMore."""\n\n\nclass Cart: ...\n\n\ndef _own(): ...\n'
    )
    workspace.write("shop/view.ts", "export function show() {}\nfunction hidden() {}\n")
    workspace.write("shop/test_cart.py", "def test_it(): ...\n")
    workspace.write("shop/inner/__init__.py", '"""What is inside."""\n')
    workspace.write("shop/README.md", "# Shop\n\nBy hand.\n\n## Contents\n\nold\n\n## Licence\n\nMIT\n")
    outcome = await workspace.act("document", "shop/README.md", ["SUMMARY: Shows the cart."])
    assert outcome.passed
    lines = (
        "- `cart.py`: Sum up what is bought. Has `Cart`.\n- `view.ts`: Shows the cart. Has `show`.\n"
        "- `inner/`: What is inside."
    )
    assert outcome.after == f"# Shop\n\nBy hand.\n\n## Contents\n\n{lines}\n\n## Licence\n\nMIT\n"
    assert len(workspace.prompts()) == 1


async def test_a_folder_without_code_has_no_readme_to_write(workspace: Any) -> None:
    workspace.write("README.md", "")
    with pytest.raises(InputError, match="holds no code"):
        await workspace.act("document", "README.md", ["x"])


async def test_a_language_without_documentation_comments_is_refused(workspace: Any) -> None:
    workspace.write("a.css", "a {}\n")
    with pytest.raises(InputError, match="not for css"):
        await workspace.act("document", "a.css", ["x"])


TESTS = """\
```python
import clamp
from a import clamp

def test_low():
    assert clamp(-5) == 0
    assert clamp(3) == 3

def test_wrong():
    assert clamp(99) == 100

def test_blind():
    assert clamp is not None

def test_raises():
    import pytest
    with pytest.raises(ValueError):
        clamp(1, 10)
```
"""


async def test_tests_are_kept_that_pass_and_notice_changes(workspace: Any, statuses: Any) -> None:
    workspace.write("a.py", CLAMP)
    outcome = await workspace.act("test", "a.py", [TESTS], symbol="clamp", run=True)
    assert outcome.passed
    assert outcome.document.path == workspace.root / "test_a.py"
    assert "def test_low" in outcome.after
    assert "def test_raises" in outcome.after
    assert "assert clamp(99) == 9\n" in outcome.after.replace("  # recorded: what the code returns now", "")
    assert "recorded" in outcome.after
    assert "test_blind" not in outcome.after
    assert statuses(outcome)["mutants"] == "passed"
    assert "100% of lines" in next(check.detail for check in outcome.checks if check.name == "coverage")


async def test_without_consent_tests_are_offered_unrun_and_say_so(workspace: Any, statuses: Any) -> None:
    workspace.write("a.py", f"open({str(workspace.root / 'ran')!r}, 'w')\n{CLAMP}")
    outcome = await workspace.act("test", "a.py", [TESTS], symbol="clamp")
    assert statuses(outcome)["tests"] == "could_not_run"
    assert not (workspace.root / "ran").exists()


async def test_tests_go_where_the_project_keeps_them_and_join_those_that_are_there(workspace: Any) -> None:
    workspace.write("src/shop/a.py", CLAMP)
    workspace.write("src/shop/__init__.py", "")
    workspace.write("tests/test_a.py", "import math\n\n\ndef test_low():\n    assert math.pi > 3\n")
    outcome = await workspace.act("test", "src/shop/a.py", [TESTS], symbol="clamp", run=True)
    assert outcome.passed
    assert outcome.document.path == workspace.root / "tests" / "test_a.py"
    assert outcome.after.startswith("import math\nfrom shop.a import clamp\n")
    assert "assert math.pi > 3" in outcome.after
    assert "def test_low_2" in outcome.after


async def test_when_no_test_is_left_that_is_said(workspace: Any, statuses: Any, fenced: Any) -> None:
    workspace.write("a.py", CLAMP)
    outcome = await workspace.act("test", "a.py", [fenced("def test_x():\n    assert False")], symbol="clamp", run=True)
    assert not outcome.passed
    assert statuses(outcome)["tests"] == "failed"
    assert outcome.edits == ()


async def test_code_is_generated_below_a_comment(workspace: Any, fenced: Any) -> None:
    workspace.write("a.py", "import os\n\n# a function that doubles a number\n")
    outcome = await workspace.act("generate", "a.py", [fenced("def double(x):\n    return 2 * x")])
    assert outcome.passed
    assert outcome.after == "import os\n\n# a function that doubles a number\ndef double(x):\n    return 2 * x\n"
    assert "a function that doubles a number" in workspace.prompts()[0]
    assert "def double" in workspace.streamed


async def test_a_selection_is_replaced_and_a_failed_check_fed_back(workspace: Any, fenced: Any) -> None:
    workspace.write("a.py", "def f(x):\n    y = x\n    return y\n")
    span = Range(Position(1, 0), Position(1, 9))
    answers = [fenced("y = (x"), fenced("y = x + 1")]
    outcome = await workspace.act("generate", "a.py", answers, range=span, instruction="add one")
    assert outcome.passed
    assert outcome.after == "def f(x):\n    y = x + 1\n    return y\n"
    assert "syntax" in workspace.prompts()[1] or "never closed" in workspace.prompts()[1]


async def test_a_form_in_a_picture_becomes_html(workspace: Any, fenced: Any) -> None:
    workspace.write("a.html", "")
    picture = workspace.root / "form.png"
    workspace.pictures[picture] = "Name [____]  [ Send ]"
    outcome = await workspace.act("generate", "a.html", [fenced("<form></form>", "html")], images=(picture,))
    assert outcome.after == "<form></form>\n"
    assert "│ Name [____]  [ Send ]" in workspace.prompts()[0]


async def test_an_explanation_names_places_that_exist(workspace: Any) -> None:
    workspace.write("a.py", CLAMP)
    outcome = await workspace.act("explain", "a.py", ["`clamp` uses `min` and `nothing_here`."], symbol="clamp")
    assert [location.range.start.line for location in outcome.locations] == [0]
    assert workspace.streamed == outcome.text
    assert outcome.edits == ()


async def test_findings_that_point_at_no_code_are_dropped(workspace: Any) -> None:
    workspace.write("a.py", CLAMP)
    answer = "LINE: `return min(x, high)`\nFAULT: x may be None\n\n**LINE:** return max(y)\n**FAULT:** wrong"
    outcome = await workspace.act("review", "a.py", [answer])
    assert [(f.range.start.line, f.message, f.source) for f in outcome.findings] == [(5, "x may be None", "sidesight")]
    assert "1 did not and were dropped" in outcome.checks[0].detail


async def test_a_name_that_is_not_there_is_a_clear_error(workspace: Any) -> None:
    workspace.write("a.py", CLAMP)
    with pytest.raises(DocumentError, match="defines no `clamped`"):
        await workspace.act("explain", "a.py", ["x"], symbol="clamped")

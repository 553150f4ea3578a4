"""From what a model said to the text that was meant: fences, indentation, anchors, truncation."""

from __future__ import annotations

import pytest

from mmcore.edits.anchors import find_lines
from mmcore.edits.diff import unified_diff
from mmcore.edits.lines import indent, unit_of
from mmcore.edits.propose import FormError, propose_range, propose_rewrite
from mmcore.edits.unwrap import Block, code_blocks
from mmcore.syntax import Symbol, symbols
from mmcore.text import position_at
from mmcore.types import Document, Range

CODE = '''\
import os


class Box:
    @property
    def size(self):
        """How big it is."""
        return 1

    def grow(self, by):
        return self.size + by


def last():
    return os.sep
'''


def document(text: str = CODE, language: str = "python") -> Document:
    return Document("file:///w/box.py", language, text, 1)


def symbol(name: str, text: str = CODE, language: str = "python") -> Symbol:
    return next(s for s in symbols(text, language) if s.name == name)


def rewritten(name: str, output: str, text: str = CODE, language: str = "python", cut_off: bool = False) -> str:
    return propose_rewrite(document(text, language), symbol(name, text, language), output, cut_off=cut_off)


def fenced(code: str, language: str = "python") -> str:
    return f"Sure! Here it is:\n\n```{language}\n{code}\n```\n\nIt works because of this."


@pytest.mark.parametrize(
    ("output", "blocks"),
    [
        ("x = 1", [Block("", "x = 1", True)]),
        ("Text\n```python\nx = 1\n```\nmore\n~~~js\ny\n~~~", [Block("python", "x = 1", True), Block("js", "y", True)]),
        ("```md\n# T\n```sh\nls\n```\nend\n```", [Block("md", "# T\n```sh\nls\n```\nend", True)]),
        ("  ```python\n  def f():\n      pass\n  ```", [Block("python", "def f():\n    pass", True)]),
        ("```python\nx = (", [Block("python", "x = (", False)]),
        ("```python\r\nx = 1\r\n```<|im_end|>", [Block("python", "x = 1", True)]),
        ("", []),
    ],
)
def test_code_is_found_in_what_was_said(output: str, blocks: list[Block]) -> None:
    assert code_blocks(output) == blocks


def test_a_method_is_put_back_at_its_own_indentation() -> None:
    made = rewritten("grow", fenced("def grow(self, by=1):\n  if by:\n    return by\n  return self.size"))
    assert (
        "    def grow(self, by=1):\n        if by:\n            return by\n        return self.size\n\n\ndef last"
        in made
    )


def test_a_method_that_comes_inside_its_class_is_taken_out() -> None:
    made = rewritten("grow", fenced("class Box:\n    def grow(self, by):\n        return by"))
    assert made == CODE.replace("return self.size + by", "return by")


def test_decorators_and_docstring_that_the_model_left_out_are_kept() -> None:
    made = rewritten("size", fenced("def size(self):\n    return 2"))
    assert made == CODE.replace("return 1", "return 2")


def test_imports_that_the_new_code_needs_go_to_the_others() -> None:
    made = rewritten(
        "last", fenced("import math\nimport json\nfrom pathlib import Path\n\ndef last():\n    return math.pi, Path()")
    )
    assert made.startswith("import os\nimport math\nfrom pathlib import Path\n\n\nclass Box")
    assert "json" not in made


def test_tabs_crlf_and_unicode_stay_as_they_were() -> None:
    text = CODE.replace("    ", "\t").replace("\n", "\r\n").replace("big", "größ")
    made = rewritten("grow", fenced("def grow(self, by):\n    if by:\n        return 'é'"), text)
    assert "\tdef grow(self, by):\r\n\t\tif by:\r\n\t\t\treturn 'é'\r\n" in made
    assert made.count("\n") == made.count("\r\n")
    assert "größ" in made


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        (fenced("def other():\n    pass"), "does not define `grow`"),
        ("I cannot help with that.", "does not define `grow`"),
        ("", "does not define `grow`"),
        (fenced("def grow(self, by) {\n  return 1;\n}", "javascript"), "does not define"),
        ("<<<<<<< SEARCH\n        return self.size + by\n=======\n        return", "not complete"),
        ("<<<<<<< SEARCH\nno such line\n=======\nx\n>>>>>>> REPLACE", "not in the file"),
    ],
)
def test_what_cannot_be_used_is_said_so_that_the_model_can_do_better(output: str, complaint: str) -> None:
    with pytest.raises(FormError, match=complaint):
        rewritten("grow", output)


def test_an_answer_that_was_cut_off_is_not_used() -> None:
    with pytest.raises(FormError, match="cut off"):
        rewritten("grow", "```python\ndef grow(self, by):\n    return self", cut_off=True)


def test_search_and_replace_blocks_are_placed_by_what_they_say() -> None:
    output = (
        "<<<<<<< SEARCH\nreturn self.size  +  by\n=======\nif by:\n    return by\nreturn self.size\n>>>>>>> REPLACE"
    )
    made = rewritten("grow", output)
    assert "        if by:\n            return by\n        return self.size\n\n\ndef last" in made


def test_other_languages_are_rewritten_by_their_grammar() -> None:
    text = "export function a(): number {\n  return 1;\n}\n\nconst b = (x: number) => {\n  return x;\n};\n"
    output = fenced("function a(): number {\n    return 2;\n}", "typescript")
    assert rewritten("a", output, text, "typescript").startswith("export function a(): number {\n  return 2;\n}\n")
    made = rewritten("b", fenced("const b = (x: number) => {\n  return x + 1;\n};", "typescript"), text, "typescript")
    assert made.endswith("const b = (x: number) => {\n  return x + 1;\n};\n")


def test_lines_are_found_exactly_loosely_or_nearly_but_never_by_guessing() -> None:
    text = [
        "def f():",
        "    a = compute_total(1)",
        "    return a",
        "",
        "def g():",
        "    return 2",
        "def h():",
        "    return 2",
    ]
    assert find_lines(["    return a"], text) == (2, 3)
    assert find_lines(["a  =  compute_total(1)", "return a"], text) == (1, 3)
    assert find_lines(["    a = compute_totals(1)"], text) == (1, 2)
    assert find_lines(["    return 2"], text) is None
    assert find_lines(["completely different code here"], text) is None
    assert find_lines([], text) is None


def test_new_code_takes_the_indentation_of_its_place() -> None:
    at = CODE.index("        return self.size + by")
    here = position_at(CODE, at + 8)
    made = propose_range(document(), Range(here, here), fenced("if not by:\n    raise ValueError"), cut_off=False)
    assert "        if not by:\n            raise ValueError\n        return self.size + by" in made


@pytest.mark.parametrize(
    ("text", "unit"), [("a\n  b\n    c\n", "  "), ("a\n\tb\n", "\t"), ("a\n    b\n", "    "), ("", "    ")]
)
def test_the_unit_of_indentation_is_what_the_text_uses(text: str, unit: str) -> None:
    assert unit_of(text) == unit


def test_blank_lines_stay_empty() -> None:
    assert indent("a\n\n  b", "    ", "    ") == "    a\n\n        b"


def test_diff_is_one_that_git_applies() -> None:
    assert unified_diff("a\nb", "a\nc\n", "x/y.py") == (
        "--- a/x/y.py\n+++ b/x/y.py\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n"
    )
    assert unified_diff("", "a\n", "y.py", new_file=True).startswith("--- /dev/null\n+++ b/y.py\n")

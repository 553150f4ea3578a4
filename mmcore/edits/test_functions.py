"""Take a model's Python tests apart into single functions, and put those that are kept into a file."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mmcore.edits.parametrized import close, expand

RECORDED = "  # recorded: what the code returns now"
MAX_TESTS = 40


@dataclass(frozen=True, slots=True)
class TestFunction:
    """One test: LF source at the margin. `recorded` where an expected value was taken from the code itself."""

    __test__ = False

    name: str
    source: str
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class TestSource:
    """`imports` and `support` (fixtures, constants) stand before the tests."""

    __test__ = False

    imports: tuple[str, ...]
    support: tuple[str, ...]
    tests: tuple[TestFunction, ...]


def take_apart(code: str, call: str = "") -> TestSource:
    """The parts of a test file; methods of test classes become functions where they use no `self`.

    Of code that is cut off, whatever stands before the cut is used: of a list of cases too, where `call` is what they
    are cases of. Parametrized tests become one for each case.
    """
    tree = _longest(close(code, call) if call else code)
    imports, support, tests = [], [], []
    for node in tree.body if tree else ():
        source = ast.unparse(node)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imports.append(source)
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            tests += [TestFunction(one.name, ast.unparse(one)) for one in expand(node) or [node]]
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            tests += [method for item in node.body if (method := _freed(item))]
        elif isinstance(node, ast.Assert):
            tests.append(_wrapped([node], len(tests)))
        elif isinstance(node, (ast.FunctionDef, ast.Assign, ast.AnnAssign)):
            support.append(source)
    if any("pytest." in test.source for test in tests):
        imports.append("import pytest")
    return TestSource(tuple(dict.fromkeys(imports)), tuple(support), tuple(_unique(tests)[:MAX_TESTS]))


def _longest(code: str) -> ast.Module | None:
    lines = code.split("\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for end in range(len(lines), 0, -1):
            try:
                return ast.parse("\n".join(lines[:end]))
            except (SyntaxError, ValueError, RecursionError):
                continue
    return None


def _freed(node: ast.stmt) -> TestFunction | None:
    """A method as a function; unittest's own assertions need their class and are left out."""
    if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test"):
        return None
    if any(isinstance(inner, ast.Name) and inner.id == "self" for inner in ast.walk(node)):
        return None
    node.args.args = [argument for argument in node.args.args if argument.arg != "self"]
    return TestFunction(node.name, ast.unparse(node))


def _wrapped(statements: list[ast.stmt], number: int) -> TestFunction:
    body = "\n".join("    " + line for s in statements for line in ast.unparse(s).split("\n"))
    return TestFunction(f"test_case_{number + 1}", f"def test_case_{number + 1}():\n{body}")


def _unique(tests: Sequence[TestFunction]) -> list[TestFunction]:
    kept: dict[str, TestFunction] = {}
    for test in tests:
        kept.setdefault(test.source.replace(test.name, "", 1), test)
    return rename(list(kept.values()), frozenset())


def rename(tests: Sequence[TestFunction], taken: frozenset[str]) -> list[TestFunction]:
    """The tests with names that neither stand in `taken` nor occur twice."""
    used = set(taken)
    renamed = []
    for test in tests:
        name, number = test.name, 2
        while name in used:
            name, number = f"{test.name}_{number}", number + 1
        used.add(name)
        renamed.append(replace(test, name=name, source=re.sub(rf"\b{test.name}\b", name, test.source, count=1)))
    return renamed


def split(test: TestFunction) -> list[TestFunction]:
    """One test for each of its assertions, with all statements that are none; [] where there is but one."""
    function = ast.parse(test.source).body[0]
    assert isinstance(function, ast.FunctionDef)
    asserts = [node for node in function.body if isinstance(node, ast.Assert)]
    if len(asserts) < 2:
        return []
    parts = []
    for number, wanted in enumerate(asserts, 1):
        body = [node for node in function.body if node is wanted or not isinstance(node, ast.Assert)]
        name = f"{test.name}_{number}"
        single = ast.FunctionDef(**{**{f: getattr(function, f) for f in function._fields}, "name": name, "body": body})
        parts.append(TestFunction(name, ast.unparse(ast.fix_missing_locations(single))))
    return parts


def expectation(test: TestFunction) -> tuple[str, str, str] | None:
    """(set-up, expression, expected) of a test that ends in its only assertion, `assert expression == literal`."""
    function = ast.parse(test.source).body[0]
    assert isinstance(function, ast.FunctionDef)
    last = function.body[-1]
    if function.args.args or function.decorator_list or not isinstance(last, ast.Assert):
        return None
    compared = last.test
    if not isinstance(compared, ast.Compare) or len(compared.ops) != 1 or isinstance(compared.ops[0], (ast.NotEq,)):
        return None
    if not isinstance(compared.ops[0], (ast.Eq, ast.Is)):
        return None
    setup = "\n".join(ast.unparse(node) for node in function.body[:-1])
    return setup, ast.unparse(compared.left), ast.unparse(compared.comparators[0])


def record(test: TestFunction, value: str) -> TestFunction:
    """The same test, expecting `value` (a literal that the code returned), and saying so."""
    function = ast.parse(test.source).body[0]
    assert isinstance(function, ast.FunctionDef)
    last = function.body[-1]
    assert isinstance(last, ast.Assert)
    assert isinstance(last.test, ast.Compare)
    last.test.comparators = [ast.parse(value, mode="eval").body]
    last.test.ops = [ast.Eq()]
    last.msg = None
    return TestFunction(test.name, ast.unparse(function) + RECORDED, recorded=True)


def compose(existing: str, source: TestSource, import_line: str) -> str:
    """A test file with these tests: a new one, or `existing` (LF) with them at its end."""
    have = {line.strip() for line in existing.split("\n")}
    wanted = dict.fromkeys([import_line, *source.imports]) if import_line else dict.fromkeys(source.imports)
    imports = [line for line in wanted if line not in have]
    support = [piece for piece in source.support if piece not in existing]
    blocks = [*support, *(test.source for test in source.tests)]
    if existing.strip():
        lines = existing.rstrip("\n").split("\n")
        at = _after_imports(existing)
        head = "\n".join([*lines[:at], *imports, *lines[at:]])
        return "\n\n\n".join([head, *blocks]) + "\n"
    return "\n\n\n".join(["\n".join(_sorted(imports)), *blocks]) + "\n"


def _sorted(imports: list[str]) -> list[str]:
    future = [line for line in imports if line.startswith("from __future__")]
    return future + sorted((line for line in imports if line not in future), key=lambda line: line.startswith("from"))


def _after_imports(text: str) -> int:
    last = 0
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return 0
    for number, node in enumerate(tree.body):
        docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not docstring and not isinstance(node, (ast.Import, ast.ImportFrom)):
            break
        last = node.end_lineno or 0
    return last

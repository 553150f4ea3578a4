"""Take pytest's parametrized tests apart into one test for each of their cases, also where the answer is cut off."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy

OPEN = re.compile(
    r'^@pytest\.mark\.parametrize\(\s*(?P<quote>["\'])(?P<names>[\w, ]+)(?P=quote)\s*,\s*\[', re.MULTILINE
)


def close(code: str, call: str) -> str:
    """`code` whose last list of cases does not end, with the whole cases in it and a test of `call` on them.

    The last name is taken for the expected value. `code` as it is where nothing of the kind is open.
    """
    found = list(OPEN.finditer(code))
    if not found or "\ndef " in code[found[-1].end() :]:
        return code
    names = [name.strip() for name in found[-1]["names"].split(",")]
    ends = [match.end(1) for match in re.finditer(r"([)\]\w'\"])[ \t]*,?[ \t]*$", code, re.MULTILINE)]
    arguments, expected = ", ".join(names[:-1]), names[-1]
    test = f"])\ndef test_cases({', '.join(names)}):\n    assert {call}({arguments}) == {expected}\n"
    for end in reversed([end for end in ends if end > found[-1].end()]):
        closed = code[:end] + test
        try:
            ast.parse(closed)
        except (SyntaxError, ValueError, RecursionError):
            continue
        return closed
    return code


def expand(function: ast.FunctionDef) -> list[ast.FunctionDef]:
    """The function once for each case, with the values in the place of the names; [] where it has no plain cases."""
    if len(function.decorator_list) != 1:
        return []
    cases = list(_cases(function.decorator_list[0]))
    wanted = {argument.arg for argument in function.args.args}
    stored = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    if not cases or any(set(case) != wanted or stored & wanted for case in cases):
        return []
    expanded = []
    for number, case in enumerate(cases, 1):
        one = deepcopy(function)
        one.name, one.decorator_list, one.args.args = f"{function.name}_{number}", [], []
        expanded.append(ast.fix_missing_locations(_Placed(case).visit(one)))
    return expanded


class _Placed(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return deepcopy(self._values.get(node.id, node))


def _cases(decorator: ast.expr) -> Iterator[dict[str, ast.expr]]:
    """The values of each case by name."""
    if not isinstance(decorator, ast.Call) or ast.unparse(decorator.func) != "pytest.mark.parametrize":
        return
    if len(decorator.args) < 2 or not isinstance(decorator.args[1], (ast.List, ast.Tuple)):
        return
    try:
        told = ast.literal_eval(decorator.args[0])
    except ValueError:
        return
    names = [name.strip() for name in told.split(",")] if isinstance(told, str) else list(told)
    for case in decorator.args[1].elts:
        values = case.elts if len(names) > 1 and isinstance(case, (ast.Tuple, ast.List)) else [case]
        if len(values) == len(names):
            yield dict(zip(names, values, strict=True))

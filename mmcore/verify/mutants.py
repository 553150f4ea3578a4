"""Small changes to Python code: to see whether tests notice them, and whether one of them mends a fault.

The operators are the classic ones of mutation testing (A. J. Offutt et al., "An experimental determination of
sufficient mutant operators", 1996): comparison, arithmetic and logical operators, constants, variables, statements.
Each keeps every byte that it does not change.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mmcore.text import line_starts

COMPARISONS: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.Lt: ("<=", ">", ">="),
    ast.LtE: ("<", ">=", ">"),
    ast.Gt: (">=", "<", "<="),
    ast.GtE: (">", "<=", "<"),
    ast.Eq: ("!=", "<=", ">=", "<", ">"),
    ast.NotEq: ("==", "<", ">"),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
}
ARITHMETIC: dict[type[ast.operator], tuple[str, ...]] = {
    ast.Add: ("-", "*"),
    ast.Sub: ("+", "*"),
    ast.Mult: ("+", "/", "**", "//"),
    ast.Div: ("//", "*", "%"),
    ast.FloorDiv: ("/", "%", "*"),
    ast.Mod: ("//", "/", "*"),
    ast.Pow: ("*",),
    ast.BitAnd: ("|", "^"),
    ast.BitOr: ("&", "^"),
    ast.BitXor: ("&", "|"),
    ast.LShift: (">>",),
    ast.RShift: ("<<",),
}
SWAPPED_CALLS = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "append": "extend",
    "extend": "append",
    "lower": "upper",
    "upper": "lower",
    "startswith": "endswith",
    "endswith": "startswith",
    "floor": "ceil",
    "ceil": "floor",
    "lstrip": "rstrip",
    "rstrip": "lstrip",
    "find": "rfind",
    "islower": "isupper",
    "isupper": "islower",
    "int": "round",
    "round": "int",
    "isalpha": "isalnum",
    "isdigit": "isalnum",
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """`text` is the whole file; `description` says which code at which 1-based line became what."""

    text: str
    line: int
    description: str


def mutants(text: str, first: int, last: int) -> Iterator[Mutant]:
    """Every mutant of lines `first` to `last` (1-based, inclusive) that still compiles, without repetition.

    Raises SyntaxError for a text that does not parse.
    """
    tree = ast.parse(text)
    source = _Source(text)
    seen = {text}
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if not first <= line <= last:
            continue
        for begin, end, new in _changes(node, source, tree):
            changed = text[:begin] + new + text[end:]
            if changed in seen:
                continue
            seen.add(changed)
            if _compiles(changed):
                old = text[begin:end].strip() or "nothing"
                yield Mutant(changed, line, f"line {line}: `{old[:60]}` to `{new.strip()[:60] or 'nothing'}`")


def _compiles(text: str) -> bool:
    try:
        compile(text, "<mutant>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


class _Source:
    """Offsets in code points for the byte columns that `ast` counts in."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = line_starts(text)

    def at(self, line: int, column: int) -> int:
        start = self.starts[line - 1]
        end = self.starts[line] if line < len(self.starts) else len(self.text)
        return start + len(self.text[start:end].encode()[:column].decode("utf-8", "ignore"))

    def span(self, node: ast.AST) -> tuple[int, int]:
        located: ast.expr = node  # type: ignore[assignment]  # every node given here has a place
        assert located.end_lineno is not None
        assert located.end_col_offset is not None
        return self.at(located.lineno, located.col_offset), self.at(located.end_lineno, located.end_col_offset)

    def between(self, left: ast.AST, right: ast.AST, pattern: str) -> tuple[int, int] | None:
        """Where `pattern` stands between two operands."""
        begin, end = self.span(left)[1], self.span(right)[0]
        found = re.search(pattern, self.text[begin:end])
        return (begin + found.start(), begin + found.end()) if found else None


def _changes(node: ast.AST, source: _Source, tree: ast.Module) -> Iterator[tuple[int, int, str]]:
    """(begin, end, replacement) in code points."""
    if isinstance(node, ast.Compare):
        operands = [node.left, *node.comparators]
        for left, operator, right in zip(operands, node.ops, operands[1:], strict=False):
            where = source.between(left, right, r"[<>=!]=|[<>]|not\s+in|is\s+not|\bin\b|\bis\b")
            if where:
                yield from ((*where, new) for new in COMPARISONS[type(operator)])
    elif isinstance(node, ast.BinOp):
        where = source.between(node.left, node.right, r"\*\*|//|<<|>>|[-+*/%&|^@]")
        if where:
            yield from ((*where, new) for new in ARITHMETIC.get(type(node.op), ()))
        yield (*source.span(node), source.text[slice(*source.span(node.left))])
        yield (*source.span(node), source.text[slice(*source.span(node.right))])
    elif isinstance(node, ast.BoolOp):
        where = source.between(node.values[0], node.values[1], r"\band\b|\bor\b")
        if where:
            yield (*where, "or" if isinstance(node.op, ast.And) else "and")
        yield from ((*source.span(node), source.text[slice(*source.span(value))]) for value in node.values)
    elif isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.UAdd):
        yield (*source.span(node), source.text[slice(*source.span(node.operand))])
    elif isinstance(node, ast.AugAssign):
        where = source.between(node.target, node.value, r"\S+?=")
        if where:
            yield from ((*where, f"{new}=") for new in ARITHMETIC.get(type(node.op), ()))
            yield (*where, "=")
    elif isinstance(node, ast.Constant):
        yield from ((*source.span(node), new) for new in _constants(node))
    elif isinstance(node, (ast.If, ast.While)):
        span = source.span(node.test)
        yield (*span, f"not ({source.text[slice(*span)]})")
    elif isinstance(node, ast.Call):
        yield from _calls(node, source)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield from ((*source.span(node), name) for name in _locals_near(node, tree) if name != node.id)
    elif isinstance(node, (ast.Break, ast.Continue, ast.Return, ast.Expr, ast.Assign, ast.AugAssign)):
        yield (*source.span(node), "pass")
    if isinstance(node, ast.Break):
        yield (*source.span(node), "continue")
    elif isinstance(node, ast.Continue):
        yield (*source.span(node), "break")
    elif isinstance(node, ast.Return) and node.value is not None:
        value = source.text[slice(*source.span(node.value))]
        yield (*source.span(node.value), f"not ({value})")


def _constants(node: ast.Constant) -> Iterator[str]:
    value = node.value
    if isinstance(value, bool):
        yield str(not value)
    elif isinstance(value, (int, float)):
        yield from (repr(new) for new in (value + 1, value - 1, 0 if value else 1))
    elif isinstance(value, str) and 0 < len(value) <= 3:
        yield repr(value.swapcase()) if value.swapcase() != value else "''"


def _calls(node: ast.Call, source: _Source) -> Iterator[tuple[int, int, str]]:
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    if name in SWAPPED_CALLS:
        end = source.span(called)[1]
        yield end - len(name), end, SWAPPED_CALLS[name]
    if len(node.args) == 1 and not node.keywords and isinstance(called, ast.Name):
        yield (*source.span(node), source.text[slice(*source.span(node.args[0]))])
    if name == "range" and node.args:
        span = source.span(node.args[-1] if len(node.args) < 3 else node.args[1])
        argument = source.text[slice(*span)]
        yield from ((*span, f"{argument} {change}") for change in ("+ 1", "- 1"))
    if len(node.args) == 2:
        (a, b), (c, d) = source.span(node.args[0]), source.span(node.args[1])
        yield a, d, f"{source.text[c:d]}{source.text[b:c]}{source.text[a:b]}"


def _locals_near(node: ast.Name, tree: ast.Module) -> Iterator[str]:
    """Variables and parameters of the innermost function around `node`."""
    around = [
        f
        for f in ast.walk(tree)
        if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef)) and f.lineno <= node.lineno <= (f.end_lineno or 0)
    ]
    if not around:
        return
    function = max(around, key=lambda f: f.lineno)
    names = {inner.arg: None for inner in ast.walk(function.args) if isinstance(inner, ast.arg)}
    names |= {n.id: None for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    if node.id in names:
        yield from names

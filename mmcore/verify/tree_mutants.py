"""Small changes to code of any language that has a grammar: comparisons, arithmetic, logic, constants."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from mmcore.syntax import errors, parse
from mmcore.verify.mutants import Mutant

SWAPS = {
    "<": ("<=", ">"),
    "<=": ("<", ">="),
    ">": (">=", "<"),
    ">=": (">", "<="),
    "==": ("!=",),
    "!=": ("==",),
    "===": ("!==",),
    "!==": ("===",),
    "+": ("-",),
    "-": ("+",),
    "*": ("/",),
    "/": ("*",),
    "%": ("*",),
    "&&": ("||",),
    "||": ("&&",),
    "+=": ("-=",),
    "-=": ("+=",),
    "true": ("false",),
    "false": ("true",),
}
NUMBERS = frozenset({"number", "integer_literal", "int_literal"})
# `<` and `>` stand around types too.
OPERATIONS = frozenset(
    {"binary_expression", "assignment_expression", "augmented_assignment_expression", "assignment_statement"}
    | {"compound_assignment_expr", "boolean_literal", "true", "false"}
)


def tree_mutants(text: str, language: str, first: int, last: int) -> Iterator[Mutant]:
    """Every mutant of lines `first` to `last` (1-based, inclusive) that parses as well as `text` does."""
    tree = parse(text, language)
    if tree is None:
        return
    data, before = text.encode(), errors(tree)
    for node in _leaves(tree.root_node):
        line = node.start_point.row + 1
        if not first <= line <= last:
            continue
        old = (node.text or b"").decode("utf-8", "replace")
        for new in _changes(node, old):
            made = (data[: node.start_byte] + new.encode() + data[node.end_byte :]).decode("utf-8", "replace")
            changed = parse(made, language)
            if changed is not None and errors(changed) <= before:
                yield Mutant(made, line, f"line {line}: `{old}` to `{new}`")


def _changes(node: Node, old: str) -> Iterator[str]:
    if node.type in NUMBERS and old.isdecimal():
        yield str(int(old) + 1)
    elif old in SWAPS and (node.type in OPERATIONS or (node.parent is not None and node.parent.type in OPERATIONS)):
        yield from SWAPS[old]


def _leaves(root: Node) -> Iterator[Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        if "comment" in node.type or "string" in node.type:
            continue
        if node.child_count:
            stack.extend(reversed(node.children))
        else:
            yield node

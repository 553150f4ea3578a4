"""What tree-sitter knows about a text: its errors, the symbols in it, the node at a place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import tree_sitter_language_pack
from tree_sitter import Node, Parser, Tree

from mmcore.text import line_starts, position_at, utf8_offset
from mmcore.types import Range

# LSP language identifiers whose grammar goes by another name.
_GRAMMARS = {
    "c++": "cpp",
    "dockerfile": "dockerfile",
    "javascriptreact": "javascript",
    "jsonc": "json",
    "makefile": "make",
    "objective-c": "objc",
    "plaintext": "",
    "shellscript": "bash",
    "sh": "bash",
    "typescriptreact": "tsx",
}

# Nodes that define something a programmer would name, by what their type contains, over all grammars that we ship.
_DEFINITIONS = {
    "abstract_class_declaration": "class",
    "class": "class",
    "class_declaration": "class",
    "class_definition": "class",
    "class_specifier": "class",
    "constructor_declaration": "function",
    "enum_declaration": "class",
    "enum_item": "class",
    "enum_specifier": "class",
    "function_declaration": "function",
    "function_definition": "function",
    "function_item": "function",
    "generator_function_declaration": "function",
    "impl_item": "class",
    "interface_declaration": "class",
    "local_function": "function",
    "method": "function",
    "method_declaration": "function",
    "method_definition": "function",
    "record_declaration": "class",
    "singleton_method": "function",
    "struct_item": "class",
    "struct_specifier": "class",
    "trait_item": "class",
    "type_alias_declaration": "class",
    "type_spec": "class",
    "variable_declarator": "function",  # only where its value is a function: const f = () => …
}


@dataclass(frozen=True, slots=True)
class Symbol:
    """A function, method, class or type; `range` (code points `start` to `end`) takes its decorators in.

    `name` is "" where the grammar has none.
    """

    name: str
    kind: str
    range: Range
    start: int
    end: int


@cache
def _parser(grammar: str) -> Parser | None:
    try:
        return tree_sitter_language_pack.get_parser(cast(Any, grammar))
    except LookupError:
        return None


def parse(text: str, language: str) -> Tree | None:
    """The syntax tree of `text`; None for a language without a grammar."""
    parser = _parser(_GRAMMARS.get(language, language)) if _GRAMMARS.get(language, language) else None
    return parser.parse(text.encode("utf-8", "replace")) if parser else None


def errors(tree: Tree) -> int:
    """How many nodes are errors or are missing."""
    return sum(1 for node in _walk(tree.root_node, only_errors=True) if node.is_error or node.is_missing)


def node_at(tree: Tree, text: str, offset: int) -> Node:
    """The smallest node that holds the character before `offset` (the one just typed)."""
    byte = utf8_offset(text, offset)
    found = tree.root_node.descendant_for_byte_range(max(byte - 1, 0), byte)
    return found if found is not None else tree.root_node


def ancestors(node: Node) -> Iterator[Node]:
    """`node`, its parent, and so on up to the root."""
    current: Node | None = node
    while current is not None:
        yield current
        current = current.parent


def symbols(text: str, language: str) -> tuple[Symbol, ...]:
    """Every definition in the text, in order, outer before inner; empty for a language without a grammar."""
    tree = parse(text, language)
    if tree is None:
        return ()
    data = text.encode("utf-8", "replace")
    starts = line_starts(text)
    return tuple(_symbol(node, data, text, starts) for node in _walk(tree.root_node) if _defines(node))


def enclosing(text: str, language: str, offset: int) -> Symbol | None:
    """The innermost definition around `offset`."""
    around = [symbol for symbol in symbols(text, language) if symbol.start <= offset <= symbol.end]
    return min(around, key=lambda symbol: symbol.end - symbol.start, default=None)


def _defines(node: Node) -> bool:
    if node.type == "variable_declarator":
        value = node.child_by_field_name("value")
        return value is not None and value.type in ("arrow_function", "function_expression")
    return node.is_named and node.type in _DEFINITIONS


def _symbol(node: Node, data: bytes, text: str, starts: list[int]) -> Symbol:
    named = (
        node.child_by_field_name("name") or node.child_by_field_name("declarator") or node.child_by_field_name("type")
    )
    while named is not None and (inner := named.child_by_field_name("declarator")) is not None:
        named = inner  # C wraps the name: function_definition > pointer_declarator > function_declarator > identifier
    whole = node.parent if node.parent is not None and node.parent.type == "decorated_definition" else node
    start = _characters(data, 0, whole.start_byte)
    end = start + _characters(data, whole.start_byte, whole.end_byte)
    name = data[named.start_byte : named.end_byte].decode("utf-8", "replace") if named is not None else ""
    span = Range(position_at(text, start, starts), position_at(text, end, starts))
    return Symbol(name, _DEFINITIONS[node.type], span, start, end)


def _characters(data: bytes, start: int, end: int) -> int:
    """Code points between two offsets in bytes."""
    return end - start if data.isascii() else len(data[start:end].decode("utf-8", "replace"))


def _walk(root: Node, *, only_errors: bool = False) -> Iterator[Node]:
    """Depth first, without recursion: generated files nest deeper than Python's stack."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(child for child in reversed(node.children) if not only_errors or child.has_error)

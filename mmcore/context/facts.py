"""What the syntax tree says that a documentation must say: parameters, what is returned, yielded, raised."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from mmcore.syntax import Symbol, parse
from mmcore.text import utf8_offset

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Parameter:
    """`name` as it is documented (with its stars in Python); type and default as written, "" without one."""

    name: str
    type: str = ""
    default: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """`raises` maps an exception's name to its message as written, "" where that is not a plain text."""

    parameters: tuple[Parameter, ...] = ()
    returns: bool = False
    returns_type: str = ""
    yields: bool = False
    raises: tuple[tuple[str, str], ...] = ()


def facts_of(text: str, language: str, target: Symbol) -> Facts | None:
    """Facts of a function or class; None where it cannot be read (the file does not parse, no grammar)."""
    if language == "python":
        node = python_node(text, target)
        return None if node is None else _python(node)
    tree = parse(text, language)
    if tree is None:
        return None
    if target.kind == "class":
        return Facts()
    begin, end = utf8_offset(text, target.start), utf8_offset(text, target.end)
    found = tree.root_node.descendant_for_byte_range(begin, max(begin, end - 1))
    return _generic(found) if found is not None else None


def python_node(text: str, target: Symbol) -> Function | ast.ClassDef | None:
    """The definition that stands where the symbol is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            return None
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name == target.name:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first - 1 == target.range.start.line or node.lineno - 1 == target.range.start.line:
                return node
    return None


def _python(node: Function | ast.ClassDef) -> Facts:
    if isinstance(node, ast.ClassDef):
        return Facts()
    own = list(_own(node))
    returns = any(isinstance(n, ast.Return) and n.value is not None and not _is_none(n.value) for n in own)
    yields = any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in own)
    raised: dict[str, str] = {}
    for n in [*own, *_called_inside(node, own)]:
        if isinstance(n, ast.Raise) and n.exc is not None:
            name, message = _exception(n.exc)
            if name:
                raised[name] = raised.get(name) or message
    declared = ast.unparse(node.returns) if node.returns else ""
    return Facts(tuple(_parameters(node.args)), returns and not yields, declared, yields, tuple(raised.items()))


def _own(function: Function) -> Iterator[ast.AST]:
    """Nodes of the body, those of functions and classes inside it left out."""
    stack: list[ast.AST] = list(reversed(function.body))
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            stack.extend(reversed(list(ast.iter_child_nodes(node))))


def _called_inside(function: Function, own: list[ast.AST]) -> Iterator[ast.AST]:
    """Nodes of functions that are defined in `function` and named in its own code: what they raise, it raises."""
    names = {node.id for node in own if isinstance(node, ast.Name)}
    for node in own:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node is not function and node.name in names:
            yield from _own(node)


def _parameters(arguments: ast.arguments) -> Iterator[Parameter]:
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    for number, (argument, default) in enumerate(zip(positional, defaults, strict=True)):
        if number or argument.arg not in ("self", "cls"):
            yield _parameter(argument, default)
    if arguments.vararg:
        yield _parameter(arguments.vararg, None, "*")
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _parameter(argument, default)
    if arguments.kwarg:
        yield _parameter(arguments.kwarg, None, "**")


def _parameter(argument: ast.arg, default: ast.expr | None, stars: str = "") -> Parameter:
    declared = ast.unparse(argument.annotation) if argument.annotation else ""
    return Parameter(stars + argument.arg, declared, ast.unparse(default) if default is not None else "")


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _exception(raised: ast.expr) -> tuple[str, str]:
    """Name and message; a variable (`raise error`) names no exception."""
    call = raised if isinstance(raised, ast.Call) else None
    named = call.func if call else raised
    name = named.attr if isinstance(named, ast.Attribute) else named.id if isinstance(named, ast.Name) else ""
    if not name[:1].isupper() and not name.lstrip("_")[:1].isupper():
        return "", ""
    first = call.args[0] if call and call.args else None
    return name, first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


_NAMED = ("identifier", "shorthand_property_identifier_pattern", "simple_identifier")
_FUNCTIONS = ("function", "method", "arrow", "closure", "lambda", "func_literal")


PANICS = frozenset({"panic", "assert", "assert_eq", "assert_ne", "unreachable", "todo", "unimplemented"})


def _generic(node: Node) -> Facts:
    """By the field names and node types that the grammars of JavaScript, TypeScript, Rust, Go and others share."""
    stack = [node]
    function: Node | None = None
    while stack and function is None:
        current = stack.pop(0)
        if (
            current.child_by_field_name("parameters") is not None
            or current.child_by_field_name("parameter") is not None
        ):
            function = current
        stack.extend(current.named_children)
    if function is None:
        return Facts()
    listed = _listed(function)
    assert listed is not None
    parameters = [listed] if listed.type in _NAMED else listed.named_children
    names = tuple(p for child in parameters for p in _generic_parameters(child) if p.name not in ("self", "this"))
    declared = function.child_by_field_name("return_type") or function.child_by_field_name("result")
    said = _said(declared).lstrip(": ").removeprefix("->").strip()
    body = function.child_by_field_name("body")
    returned, thrown = _returned(body)
    if said.startswith(("Result<", "io::Result<", "anyhow::Result<", "fmt::Result")):
        thrown.insert(0, "Err")
    if body is not None and "statement" not in body.type and body.type != "block":
        returned = True  # an arrow function whose body is an expression
    returns = (returned or bool(said)) and said not in ("void", "()", "never", "undefined", "None")
    return Facts(names, returns, said, False, tuple((name, "") for name in thrown))


def _listed(node: Node) -> Node | None:
    return node.child_by_field_name("parameters") or node.child_by_field_name("parameter")


def _generic_parameters(node: Node) -> Iterator[Parameter]:
    if "comment" in node.type or node.type == "self_parameter":
        return
    if node.type in _NAMED:
        yield Parameter(_said(node))
        return
    kind = _said(node.child_by_field_name("type")).lstrip(": ")
    default = _said(node.child_by_field_name("value") or node.child_by_field_name("right"))
    named = node.children_by_field_name("name")
    pattern = node.child_by_field_name("pattern") or node.child_by_field_name("left")
    if not named and pattern is not None:
        named = [pattern]
    if not named:
        named = [child for child in node.named_children if child.type in _NAMED][:1]
    for one in named:
        if one.type in _NAMED:
            yield Parameter(_said(one), kind, default)
        else:
            inner = [n for n in one.named_children if n.type in _NAMED]
            if one.type == "object_pattern":  # as JSDoc names what is taken apart
                inner += [n.named_children[0] for n in one.named_children if n.type == "object_assignment_pattern"]
                yield Parameter("options", kind, default)
                yield from (Parameter(f"options.{_said(n)}") for n in inner)
            else:
                yield from (Parameter(_said(n), kind if len(inner) == 1 else "", default) for n in inner[:1])


def _returned(body: Node | None) -> tuple[bool, list[str]]:
    """Whether a value is returned, and the names of what is thrown, functions inside left out."""
    returned, thrown = False, dict[str, None]()
    stack = [body] if body is not None else []
    while stack:
        node = stack.pop()
        if node.type in ("return_statement", "return_expression"):
            returned = returned or node.named_child_count > 0
        if node.type == "macro_invocation" and _said(node.child_by_field_name("macro")) in PANICS:
            thrown["panic"] = None
        if node.type == "throw_statement":
            made = next((n for n in node.named_children if n.type == "new_expression"), None)
            name = _said(made.child_by_field_name("constructor")) if made is not None else ""
            thrown |= {name: None} if name else {}
        stack.extend(
            child for child in node.named_children if not any(child.type.startswith(kind) for kind in _FUNCTIONS)
        )
    return returned, list(thrown)


def _said(node: Node | None) -> str:
    return (node.text or b"").decode("utf-8", "replace") if node is not None else ""

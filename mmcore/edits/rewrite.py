"""Put a model's new version of a symbol in the place of the old one."""

from __future__ import annotations

import ast
import warnings

from mmcore.edits.lines import dedent, indent, margin, split_lines, to_lf, unit_of, with_newlines
from mmcore.edits.unwrap import Block
from mmcore.syntax import Symbol, symbols
from mmcore.text import newline_of


def rewrite_symbol(text: str, language: str, target: Symbol, block: Block) -> str | None:
    """`text` with `target` as `block` has it; None where the block does not define it whole.

    Decorators and a docstring that the model left out are kept; imports that it added go to the file's own.
    """
    found = definition_of(block.code, language, target)
    if found is None:
        return None
    old = text[target.start : target.end]
    base = margin(text[text.rfind("\n", 0, target.start) + 1 : target.start])
    start = target.start - len(base) if text[: target.start].endswith(base) else target.start
    new = keep_head(dedent(base + to_lf(old)), found) if language == "python" else found
    new = indent(new, base, unit_of(to_lf(text)))
    after = text[:start] + with_newlines(new, newline_of(text)) + text[target.end :]
    return add_imports(after, block.code) if language == "python" else after


def definition_of(code: str, language: str, target: Symbol) -> str | None:
    """The definition in `code` (LF) that bears the target's name, dedented; the outermost where several do."""
    same = [s for s in symbols(code, language) if s.name == target.name and s.kind == target.kind]
    if not same:
        return None
    start = code.rfind("\n", 0, same[0].start) + 1
    if code[start : same[0].start].strip():
        start = same[0].start  # `export const f = …`: what stands before it is not indentation
    return dedent(code[start : same[0].end]).strip("\n")


def keep_head(old: str, new: str) -> str:
    """`new` with the decorators and the docstring of `old`, both dedented Python, where it has none."""
    before, after = _only_definition(old), _only_definition(new)
    if before is None or after is None:
        return new
    lines = new.split("\n")
    kept = ast.get_docstring(before, clean=False)
    if kept is not None and ast.get_docstring(after) is None and after.body[0].lineno > after.lineno:
        first, last = before.body[0].lineno - 1, before.body[0].end_lineno
        doc = old.split("\n")[first:last]
        at = after.body[0].lineno - 1
        step = margin(lines[at])
        moved = indent(dedent("\n".join(doc)), step, unit_of(new) if len(step) > 1 or step == "\t" else step)
        lines[at:at] = moved.split("\n")
    if before.decorator_list and not after.decorator_list:
        lines = [*old.split("\n")[: before.lineno - 1], *lines]
    return "\n".join(lines)


def add_imports(text: str, code: str) -> str:
    """`text` with those imports of `code` that its new names need and that it has not, after its own imports."""
    ours, theirs = _tree(text), _tree(code)
    if ours is None or theirs is None:
        return text
    bound = set(_bound(ours))
    used = {node.id for node in ast.walk(ours) if isinstance(node, ast.Name)}
    wanted = []
    for node in theirs.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                name = alias.asname or alias.name.split(".")[0]
                if name in used and name not in bound and alias.name != "*":
                    one = ast.ImportFrom(node.module, [alias], node.level) if isinstance(node, ast.ImportFrom) else None
                    wanted.append(ast.unparse(one or ast.Import([alias])))
                    bound.add(name)
    if not wanted:
        return text
    lines = split_lines(text)
    at = _after_imports(ours)
    newline = newline_of(text)
    if at and not lines[at - 1].endswith(("\n", "\r")):
        return text
    spare = [newline] if at == 0 or not any(isinstance(n, (ast.Import, ast.ImportFrom)) for n in ours.body) else []
    return "".join([*lines[:at], *(line + newline for line in wanted), *spare, *lines[at:]])


def _after_imports(tree: ast.Module) -> int:
    """How many lines stand before the place for another import."""
    last = 0
    for n, node in enumerate(tree.body):
        docstring = n == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, (ast.Import, ast.ImportFrom)) or docstring:
            last = node.end_lineno or 0
        else:
            break
    return last


def _bound(tree: ast.Module) -> list[str]:
    names: list[str] = []
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names += [alias.asname or alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.append(node.name)
        else:
            names += [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return names


def _tree(text: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            return None


def _only_definition(code: str) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | None:
    tree = _tree(code)
    node = tree.body[0] if tree and len(tree.body) == 1 else None
    return node if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) else None

"""Does every name that a Python change brings in exist: in the file, its imports, the builtins or the workspace?"""

from __future__ import annotations

import ast
import builtins
import symtable
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmcore.verify.result import Change, CheckResult, Outcome, timed

MODULE_NAMES = frozenset(
    {"__file__", "__name__", "__doc__", "__package__", "__spec__", "__loader__", "__path__", "__builtins__"}
    | {"__annotations__", "__dict__", "__class__", "reveal_type"}
)
KNOWN = frozenset(dir(builtins)) | MODULE_NAMES


def check_names(change: Change, roots: Sequence[Path] = (), libraries: Sequence[Path] = ()) -> CheckResult:
    """`roots` are workspace folders, `libraries` the site-packages that the project's interpreter reads."""

    def check() -> Outcome:
        if change.document.language != "python":
            return "could_not_run", f"names are looked up in Python only, not in {change.document.language}"
        after = _tree(change.after)
        if after is None:
            return "could_not_run", "the text does not parse"
        if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(after)):
            return "could_not_run", "`import *` hides which names exist"
        unknown = sorted(unresolved(change.after) - unresolved(change.document.text))
        if unknown:
            return "failed", f"not defined anywhere: {', '.join(unknown)}"
        before = _tree(change.document.text)
        had = set(_imported(before)) if before else set()
        folder = change.document.path.parent if change.document.path else None
        missing = [
            f"{'.' * level}{module}" + (f".{name}" if name else "")
            for level, module, name in _imported(after)
            if (level, module, name) not in had and not _importable(level, module, name, folder, roots, libraries)
        ]
        return ("failed", f"cannot be imported here: {', '.join(missing)}") if missing else ("passed", "")

    return timed("names exist", check)


def unresolved(text: str) -> set[str]:
    """Names that a module uses and that neither it nor Python defines; empty for a text that does not parse."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            top = symtable.symtable(text, "<edit>", "exec")
        except (SyntaxError, ValueError, RecursionError):
            return set()
    tables = list(_tables(top))
    defined = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    defined |= {s.get_name() for t in tables for s in t.get_symbols() if s.is_declared_global() and s.is_assigned()}
    used = {
        symbol.get_name()
        for table in tables
        for symbol in table.get_symbols()
        if symbol.is_referenced() and (symbol.is_global() or table is top)
    }
    return used - defined - KNOWN


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)


def _tree(text: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            return None


def _imported(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """(level, module, name) of everything imported outside a `try`: what stands in one may well be absent."""
    optional = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.Try) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in optional:
            continue
        if isinstance(node, ast.Import):
            yield from ((0, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.level, node.module or "", alias.name) for alias in node.names)


def _importable(
    level: int, module: str, name: str, folder: Path | None, roots: Sequence[Path], libraries: Sequence[Path]
) -> bool:
    parts = module.split(".") if module else []
    if level:
        if folder is None:
            return True  # a text without a place: nothing to look in
        base = folder
        for _ in range(level - 1):
            base = base.parent
        return _defines(base, parts, name)
    if parts[0] in sys.stdlib_module_names:
        return True
    here = [*([folder] if folder else []), *roots, *(root / "src" for root in roots)]
    if any(_is_module(place / parts[0]) for place in here):
        return any(_defines(place, parts, name) for place in here)
    return any(_is_module(place / parts[0]) or any(place.glob(f"{parts[0]}.*.so")) for place in libraries)


def _is_module(place: Path) -> bool:
    return place.is_dir() or place.with_suffix(".py").is_file() or place.with_suffix(".pyi").is_file()


def _defines(base: Path, parts: Sequence[str], name: str) -> bool:
    """Is there a module `parts` below `base`, and does it define `name`?"""
    place = base.joinpath(*parts)
    source = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    if not _is_module(place):
        return False
    if not name or (place.is_dir() and _is_module(place / name)):
        return True
    try:
        tree = _tree(source.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return not source.exists() and place.with_suffix(".pyi").is_file()
    if tree is None:
        return True
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            bound |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
    return bool(bound & {name, "*", "__getattr__"})

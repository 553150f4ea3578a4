"""Does the change stay where it may?"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from tree_sitter import Node

from mmcore.syntax import parse
from mmcore.text import offsets
from mmcore.types import Range
from mmcore.verify.result import Change, CheckResult, Outcome, timed

IMPORT = re.compile(r"\s*(import\b|from\s+\S+\s+import\b|use\s|#\s*include\b|(const|let|var)\b.*\brequire\()")


def check_scope(change: Change, allowed: Range) -> CheckResult:
    """Outside `allowed` (a range of the text before) nothing differs but import statements that were added."""

    def check() -> Outcome:
        text, after = change.document.text, change.after
        begin, end = offsets(text, allowed)
        tail = text[end:]
        if not after.endswith(tail):
            return "failed", "text after the enclosing scope was changed"
        head = after[: len(after) - len(tail)]
        if head.startswith(text[:begin]):
            return "passed", ""
        kept = iter(head.splitlines())
        for line in text[:begin].splitlines():
            for candidate in kept:
                if candidate == line:
                    break
                if not _is_import(candidate):
                    return "failed", f"`{candidate.strip()[:60]}` was changed outside the enclosing scope"
            else:
                return "failed", f"`{line.strip()[:60]}` outside the enclosing scope is gone"
        return "passed", ""

    return timed("scope", check)


def check_code_unchanged(change: Change) -> CheckResult:
    """The code is the same before and after, apart from its documentation."""

    def check() -> Outcome:
        same = same_code(change.document.text, change.after, change.document.language)
        if same is None:
            return "could_not_run", f"no {change.document.language} that parses, so the code cannot be compared"
        return ("passed", "") if same else ("failed", "the code itself was changed, not only its documentation")

    return timed("code unchanged", check)


def same_code(before: str, after: str, language: str) -> bool | None:
    """Whether two texts differ in comments, docstrings and layout at most; None where that cannot be said."""
    if language == "python":
        held = _without_docstrings(before)
        return None if held is None else held == _without_docstrings(after)
    one, other = parse(before, language), parse(after, language)
    if one is None or other is None:
        return None
    return list(_code(one.root_node)) == list(_code(other.root_node))


def _is_import(line: str) -> bool:
    return not line.strip() or IMPORT.match(line) is not None


def _without_docstrings(text: str) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            return None
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                del node.body[0]
    return ast.dump(tree)


def _code(root: Node) -> Iterator[bytes]:
    """The tokens of a tree in order, comments left out."""
    stack = [root]
    while stack:
        node = stack.pop()
        if "comment" in node.type:
            continue
        if node.child_count:
            stack.extend(reversed(node.children))
        elif node.text and node.text.strip():
            yield node.text

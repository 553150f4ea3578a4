"""Does the changed text parse at least as well as the text before?"""

from __future__ import annotations

import ast
import warnings

from tree_sitter import Node

from mmcore.syntax import errors, parse
from mmcore.verify.result import Change, CheckResult, Outcome, timed


def broken(root: Node) -> list[Node]:
    """Error and missing nodes, outermost first."""
    found: list[Node] = []
    stack = [root]
    while stack:
        node = stack.pop()
        if node.is_error or node.is_missing:
            found.append(node)
        elif node.has_error:
            stack.extend(reversed(node.children))
    return found


def python_error(text: str) -> SyntaxError | None:
    """What the compiler itself objects to; more than the grammar sees (`return` outside a function)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "<edit>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        except SyntaxError as error:
            return error
        except (ValueError, RecursionError, MemoryError, OverflowError) as error:
            return SyntaxError(str(error))
    return None


def check_parses(change: Change) -> CheckResult:
    """No error node that was not there; for Python, a text that compiled still compiles."""

    def check() -> Outcome:
        language = change.document.language
        if language == "python":
            error = python_error(change.after)
            if error is None:
                return "passed", ""
            if python_error(change.document.text) is None:
                return "failed", f"line {error.lineno}: {error.msg}" if error.lineno else str(error.msg)
        before, after = parse(change.document.text, language), parse(change.after, language)
        if before is None or after is None:
            return "could_not_run", f"no grammar for {language}"
        if errors(after) > errors(before):
            node = broken(after.root_node)[-1]
            near = (node.text or b"").decode("utf-8", "replace").split("\n")[0][:60]
            return "failed", f"line {node.start_point.row + 1}: syntax error near `{near}`"
        return "passed", ""

    return timed("parses", check)

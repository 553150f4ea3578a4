"""Cut a completion before it breaks the code that it is put into, and say how far it can be trusted."""

from __future__ import annotations

import builtins
import keyword
import math
import re
from collections.abc import Callable, Sequence

from tree_sitter import Node

from mmcore.completion.place import Place
from mmcore.syntax import errors, parse

# Code points on each side of the cursor that are parsed: Python takes 2 ms for 10,000 of them, and an error that a
# completion adds shows within these.
_AROUND = 8_000
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_BUILTINS = frozenset(dir(builtins)) | frozenset(keyword.kwlist) | frozenset(keyword.softkwlist)
# Natural-log probability that each name unknown to the file takes off the mean.
_PENALTY = 0.5


def vetted(
    place: Place,
    text: str,
    logprobs: Sequence[float],
    least: float,
    defined: Callable[[Sequence[str]], set[str]] = lambda names: set(),
) -> str:
    """What of `text` may be shown at `place`; "" where it is trusted less than `least` (a probability, 0..1).

    `defined` says which names the workspace defines.
    """
    if not text.strip():
        return ""
    if least > 0:
        unknown = unknown_names(place, text)
        if probability(logprobs, len(set(unknown) - defined(unknown))) < least:
            return ""
    return without_new_errors(place, text)


def without_new_errors(place: Place, text: str) -> str:
    """The longest prefix of `text`, in whole lines, else in whole words, that adds no syntax error; "" if none does.

    Code that is not finished is no error: brackets that `text` opens and a block that it begins are closed first.
    """
    before, after = place.before[-_AROUND:], place.after[:_AROUND]
    allowed: int | None = None
    for candidate in _prefixes(text):
        for written in dict.fromkeys((candidate, _closed(candidate, place.language))):
            tree = parse(before + written + after, place.language)
            if tree is None or not (found := errors(tree)):
                return candidate
            if allowed is None:  # only now: most completions have no errors, nor has what is around them
                bare = parse(before + after, place.language)
                allowed = errors(bare) if bare is not None else 0
            if found <= allowed:
                return candidate
    return ""


def unknown_names(place: Place, text: str) -> list[str]:
    """Python names that `text` uses and that neither it, the file nor the builtins have.

    Empty for other languages. Attributes are not looked up: what they belong to is not known here.
    """
    if place.language != "python":
        return []
    before = place.before[-_AROUND:]
    start = len(before.encode("utf-8", "replace"))
    end = start + len(text.encode("utf-8", "replace"))
    tree = parse(before + text + place.after[:_AROUND], place.language)
    assert tree is not None  # the grammar of Python ships with us
    used: list[str] = []
    bound: set[str] = set()
    for node in _identifiers(tree.root_node, start, end):
        name = (node.text or b"").decode("utf-8", "replace")
        if _binds(node):
            bound.add(name)
        elif not _is_attribute(node):
            used.append(name)
    elsewhere = set(re.findall(r"\w+", place.before)) | set(re.findall(r"\w+", place.after))
    return [name for name in used if name not in bound | elsewhere | _BUILTINS]


def probability(logprobs: Sequence[float], unknown: int = 0) -> float:
    """Geometric mean of the tokens' probabilities, lowered for each unknown name; 1 where none are known."""
    if not logprobs:
        return 1.0
    return math.exp(sum(logprobs) / len(logprobs) - _PENALTY * unknown)


def _prefixes(text: str) -> list[str]:
    """`text`, then without its last line, and so on; of the first line, its words."""
    lines = text.split("\n")
    whole = ["\n".join(lines[:count]).rstrip() for count in range(len(lines), 0, -1)]
    words = [lines[0][: match.end()] for match in re.finditer(r"\w+|[^\w\s]", lines[0])]
    return [candidate for candidate in (text, *whole[1:], *reversed(words[:-1])) if candidate.strip()]


def _closed(text: str, language: str) -> str:
    """`text` with what it leaves open closed."""
    open_brackets: list[str] = []
    for character in text:
        if character in _PAIRS:
            open_brackets.append(_PAIRS[character])
        elif open_brackets and character == open_brackets[-1]:
            open_brackets.pop()
    if language == "python" and text.rstrip().endswith(":") and not open_brackets:
        return f"{text.rstrip()} pass"
    return text + "".join(reversed(open_brackets))


def _identifiers(root: Node, start: int, end: int) -> list[Node]:
    found, stack = [], [root]
    while stack:
        node = stack.pop()
        if node.end_byte <= start or node.start_byte >= end:
            continue
        if node.type == "identifier":
            found.append(node)
        stack.extend(reversed(node.children))
    return found


def _is_attribute(node: Node) -> bool:
    parent = node.parent
    if parent is None:
        return False
    return (parent.type == "attribute" and parent.child_by_field_name("attribute") == node) or (
        parent.type == "keyword_argument" and parent.child_by_field_name("name") == node
    )


_BINDERS = {
    "as_pattern_target",
    "aliased_import",
    "default_parameter",
    "dotted_name",
    "lambda_parameters",
    "named_expression",
    "parameters",
    "pattern_list",
    "typed_parameter",
}


def _binds(node: Node) -> bool:
    """Whether the name is defined here: assigned, imported, a parameter, a loop's variable."""
    parent = node.parent
    if parent is None:
        return False
    if parent.type in ("assignment", "for_statement", "for_in_clause"):
        return parent.child_by_field_name("left") == node
    if parent.type in ("function_definition", "class_definition"):
        return parent.child_by_field_name("name") == node
    if parent.type == "default_parameter" or parent.type == "named_expression":
        return parent.child_by_field_name("name") == node
    return parent.type in _BINDERS or parent.type == "tuple_pattern"

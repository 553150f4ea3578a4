"""Choose pieces of code that the code at the cursor needs and does not show, each with the reason for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from mmcore.context.index import WorkspaceIndex
from mmcore.syntax import ancestors, node_at, parse
from mmcore.types import Document, Neighbour, Snippet

_NAME = re.compile(r"[^\W\d]\w{2,}")
# What is written near the cursor is what the next tokens are about.
_NEAR_LINES = 30
# Code points on each side of the cursor in which its function is looked for: all of a long file takes 0.2 s to parse.
_PARSED = 3_000
_CHUNK_LINES = 24
# Two pieces that share this much say the same twice (llama.vim drops ring chunks at the same value).
_NEAR_DUPLICATE = 0.9
_LEAST_SIMILAR = 0.15
# What is being changed together belongs together, if it looks a little alike.
_LEAST_SIMILAR_EDITED = 0.05


def related(
    document: Document,
    offset: int,
    indexes: Sequence[WorkspaceIndex],
    neighbours: Sequence[Neighbour],
    characters: int,
    shown: tuple[int, int] | None = None,
) -> list[Snippet]:
    """Snippets of at most `characters` in all, the most useful first.

    Definitions of the names that the code around the cursor uses, imported ones before others; then the pieces of
    `neighbours` (the one edited last first) that look most like that code or were just changed. Of `document` itself
    only definitions outside of `shown`, the offsets of what the prompt has of it anyway (all of it, where not said).
    """
    if not indexes and not neighbours:
        return []
    names = used_names(document, offset)
    imports = set(_NAME.findall("\n".join(_imports(document.text))))
    ordered = sorted(names, key=lambda name: (name not in imports, -names[name]))
    found = [snippet for index in indexes for snippet in index.definitions(ordered)]
    seen = document.text[slice(*shown)] if shown else document.text
    # By the first line: the rest may have been edited since it was saved.
    own = [s for s in found if s.path == document.path and s.text.partition("\n")[0] not in seen]
    found = [snippet for snippet in found if snippet.path != document.path]
    found.sort(key=lambda snippet: snippet.path.stem not in imports)  # stable: the order above within each
    return _within(_distinct([*own, *found, *_similar(set(names), neighbours)]), characters)


def used_names(document: Document, offset: int) -> Counter[str]:
    """Names around the cursor: in the enclosing definition, or in the lines near it."""
    start = max(offset - _PARSED, 0)
    text = document.text[start : offset + _PARSED]
    tree = parse(text, document.language)
    around = ancestors(node_at(tree, text, offset - start)) if tree is not None else iter(())
    function = next((node for node in around if "function" in node.type or "method" in node.type), None)
    if function is not None and function.text is not None:
        return Counter(_NAME.findall(function.text.decode("utf-8", "replace")))
    before = text[: offset - start].splitlines()[-_NEAR_LINES:]
    after = text[offset - start :].splitlines()[: _NEAR_LINES // 3]
    return Counter(_NAME.findall("\n".join([*before, *after])))


def _imports(text: str) -> list[str]:
    words = ("import ", "from ", "use ", "#include", "require", "using ")
    return [line for line in text.splitlines()[:200] if line.strip().startswith(words) or "require(" in line]


def _similar(names: set[str], neighbours: Iterable[Neighbour]) -> list[Snippet]:
    found = []
    for neighbour in neighbours:
        path = neighbour.document.path or Path(neighbour.document.uri)
        lines = neighbour.document.text.splitlines()
        for first in range(0, len(lines), _CHUNK_LINES):
            chunk = "\n".join(lines[first : first + _CHUNK_LINES])
            score = _jaccard(names, set(_NAME.findall(chunk)))
            edited = neighbour.edited is not None and first <= neighbour.edited < first + _CHUNK_LINES
            if score >= (_LEAST_SIMILAR_EDITED if edited else _LEAST_SIMILAR):
                reason = f"similar, {'edited in this session' if edited else 'open'}"
                found.append(Snippet(path, first, chunk, reason, score + edited))
    return sorted(found, key=lambda snippet: -snippet.score)


def _distinct(snippets: Iterable[Snippet]) -> list[Snippet]:
    kept: list[tuple[Snippet, set[str]]] = []
    for snippet in snippets:
        words = set(_NAME.findall(snippet.text))
        if all(_jaccard(words, seen) < _NEAR_DUPLICATE for _, seen in kept):
            kept.append((snippet, words))
    return [snippet for snippet, _ in kept]


def _within(snippets: Iterable[Snippet], characters: int) -> list[Snippet]:
    kept = []
    for snippet in snippets:
        if len(snippet.text) <= characters:
            characters -= len(snippet.text)
            kept.append(snippet)
    return kept


def _jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other) if one or other else 0.0

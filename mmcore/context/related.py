"""Choose pieces of other files that the code at the cursor needs, each with the reason for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from mmcore.context.index import WorkspaceIndex
from mmcore.syntax import enclosing
from mmcore.types import Document, Snippet

_NAME = re.compile(r"[^\W\d]\w{2,}")
# What is written near the cursor is what the next tokens are about.
_NEAR_LINES = 30
_CHUNK_LINES = 24
# Two pieces that share this much say the same twice (llama.vim drops ring chunks at the same value).
_NEAR_DUPLICATE = 0.9
_LEAST_SIMILAR = 0.15


def related(
    document: Document,
    offset: int,
    indexes: Sequence[WorkspaceIndex],
    others: Sequence[Document],
    characters: int,
) -> list[Snippet]:
    """Snippets of at most `characters` in all, the most useful first, none from `document` itself.

    Definitions of the names that the code around the cursor uses, imported ones before others; then the pieces of the
    other open documents, the one edited last first, that look most like that code.
    """
    names = used_names(document, offset)
    imported = set(_NAME.findall("\n".join(_imports(document.text))))
    ordered = sorted(names, key=lambda name: (name not in imported, -names[name]))
    found = [snippet for index in indexes for snippet in index.definitions(ordered)]
    found = [snippet for snippet in found if snippet.path != document.path]
    stems = set(_NAME.findall(" ".join(_imports(document.text))))
    found.sort(key=lambda snippet: snippet.path.stem not in stems)  # stable: the order above within each
    found += _similar(set(names), others)
    return _within(_distinct(found), characters)


def used_names(document: Document, offset: int) -> Counter[str]:
    """Names around the cursor: in the enclosing definition, or in the lines near it."""
    symbol = enclosing(document.text, document.language, offset)
    if symbol is not None and symbol.kind == "function":
        return Counter(_NAME.findall(document.text[symbol.start : symbol.end]))
    before = document.text[:offset].splitlines()[-_NEAR_LINES:]
    after = document.text[offset:].splitlines()[: _NEAR_LINES // 3]
    return Counter(_NAME.findall("\n".join([*before, *after])))


def _imports(text: str) -> list[str]:
    words = ("import ", "from ", "use ", "#include", "require", "using ")
    return [line for line in text.splitlines()[:200] if line.strip().startswith(words) or "require(" in line]


def _similar(names: set[str], others: Iterable[Document]) -> list[Snippet]:
    found = []
    for recency, other in enumerate(others):
        lines = other.text.splitlines()
        for first in range(0, len(lines), _CHUNK_LINES):
            chunk = "\n".join(lines[first : first + _CHUNK_LINES])
            score = _jaccard(names, set(_NAME.findall(chunk)))
            if score >= _LEAST_SIMILAR:
                path = other.path or Path(other.uri)
                reason = "open and similar" if recency else "edited last and similar"
                found.append(Snippet(path, first, chunk, reason, score))
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

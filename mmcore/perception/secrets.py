"""Find keys, tokens and passwords in text that was read, and mask them.

By the forms that their issuers publish (fixed prefixes, lengths) and by the names that values are given to. Scanners of
repositories (detect-secrets was tried) look for entropy in string literals, and call half the words of a screenshot a
secret when they are given its lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mmcore.types import Reading

# What stands in the group "secret", or else the whole match, is masked. A reader may put a space into a long word, and
# that is not allowed for: a rest of a key is of no use.
_FORMS = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?P<secret>[\s\S]*?)(?:-----END|\Z)"),
        ("AWS key", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
        ("GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{50,})"),
        ("GitLab token", r"\bgl(?:pat|dt|rt|cbt)-[\w-]{20,}"),
        ("Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
        ("API key", r"\bsk-[\w-]{20,}|\b[srp]k_(?:live|test)_[A-Za-z0-9]{16,}"),
        ("Google key", r"\bAIza[\w-]{30,}"),
        ("Hugging Face token", r"\bhf_[A-Za-z0-9]{20,}"),
        ("package index token", r"\b(?:pypi-[\w-]{50,}|npm_[A-Za-z0-9]{30,})"),
        ("JSON web token", r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"),
        ("password in an address", r"\b[a-z][a-z0-9+.-]*://[^\s/:@]*:(?P<secret>[^\s/@]{3,})@"),
        ("bearer token", r"(?i)\bbearer\s+(?P<secret>[\w.~+/-]{16,}=*)"),
        (
            "value of a secret's name",
            # Of a call, an attribute or a placeholder nothing is given away.
            r"(?i)\b\w*(?:password|passwd|secret|api[_-]?key|access[_-]?key|auth[_-]?token|access[_-]?token|private[_-]?key)"
            r"\w*[\"']?\s*(?:=|:(?!\w*Error))\s*(?P<quote>[\"']?)(?P<secret>(?!none\b|null\b|true\b|false\b|str\b|os\.)"
            r"[^\s\"'(),;<>\[\]{}$]{6,})(?P=quote)(?![\w(\[.])",
        ),
    )
)
MASK = "█████"


@dataclass(frozen=True, slots=True)
class Masked:
    """`kinds` names what was masked, in the order of `_FORMS`."""

    text: str
    kinds: tuple[str, ...]


def mask(text: str) -> Masked:
    kinds = []
    for kind, pattern in _FORMS:
        text, count = pattern.subn(_cover, text)
        if count:
            kinds.append(kind)
    return Masked(text, tuple(kinds))


def mask_reading(reading: Reading) -> tuple[Reading, tuple[str, ...]]:
    """The reading with its secrets masked wherever they stand in it, and their kinds."""
    text = mask(reading.text)
    lines = [(line, mask(line.text)) for line in reading.lines]
    regions = [(region, mask(region.text), mask(region.value)) for region in reading.regions]
    kinds = _distinct([text, *(found for _, found in lines), *(found for _, *both in regions for found in both)])
    if not kinds:
        return reading, ()
    masked = replace(
        reading,
        text=text.text,
        lines=tuple(replace(line, text=found.text) for line, found in lines),
        regions=tuple(replace(region, text=one.text, value=other.text) for region, one, other in regions),
    )
    return masked, kinds


def _cover(match: re.Match[str]) -> str:
    if "secret" not in match.re.groupindex:
        return MASK
    start, end = match.start("secret") - match.start(), match.end("secret") - match.start()
    return f"{match[0][:start]}{MASK}{match[0][end:]}"


def _distinct(found: Sequence[Masked]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(kind for each in found for kind in each.kinds))

"""Mask keys, tokens and passwords in what was read, before it leaves the machine for somebody else's engine."""

from __future__ import annotations

import re
from dataclasses import replace

from mmcore.types import Reading

MASK = "«masked»"
# Formats as their issuers document them; a reader's slip in the prefix is tolerated where it stays distinctive.
KNOWN = {
    "private key": re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
    ),
    "AWS key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})\b"),
    "GitLab token": re.compile(r"\bglpat-[A-Za-z0-9_\-]{16,}"),
    "Slack token": re.compile(r"\bxox[abeoprs]-[A-Za-z0-9\-]{10,}"),
    "Google key": re.compile(r"\bAIza[A-Za-z0-9_\-]{30,}"),
    "OpenAI or Anthropic key": re.compile(r"\bsk-[A-Za-z0-9_\-]{16,}"),
    "Stripe key": re.compile(r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{12,}"),
    "Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{20,}"),
    "npm token": re.compile(r"\bnpm_[A-Za-z0-9]{30,}"),
    "JSON web token": re.compile(r"\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*)?"),
}
# What comes after the name or the scheme is masked, the name stays.
NAMED = {
    "password in a URL": re.compile(
        r"(?P<keep>\b[a-z][a-z0-9+.\-]*://[^\s/:@]+:)(?P<secret>[^\s/@]+)(?=@)", re.IGNORECASE
    ),
    "bearer token": re.compile(r"(?P<keep>\bBearer\s+)(?P<secret>[A-Za-z0-9._~+/\-]{16,}=*)", re.IGNORECASE),
    "secret": re.compile(
        r"(?P<keep>\b[\w\-]*(?:api[_\-]?key|secret|token|passw(?:or)?d|passwd|pwd|credential)[\w\-]*[\"']?\s*[:=]\s*[\"']?)"
        r"(?P<secret>(?!None\b|null\b|true\b|false\b|str\b|os\.|self\.|get|\$\{?|<)[^\s\"',;(){}\[\]]{6,})",
        re.IGNORECASE,
    ),
}


def mask(text: str) -> tuple[str, tuple[str, ...]]:
    """The text without its secrets, and what kinds of them it had."""
    found: list[str] = []
    for name, pattern in KNOWN.items():
        text, count = pattern.subn(MASK, text)
        found += [name] * bool(count)
    for name, pattern in NAMED.items():
        text, count = pattern.subn(lambda match: match["keep"] + MASK, text)
        found += [name] * bool(count)
    return text, tuple(found)


def mask_reading(reading: Reading) -> tuple[Reading, tuple[str, ...]]:
    """The reading without secrets in any of its parts."""
    text, found = mask(reading.text)
    lines = tuple(replace(line, text=mask(line.text)[0]) for line in reading.lines)
    regions = tuple(
        replace(
            region,
            text=mask(region.text)[0],
            value=MASK if region.value and mask(f"{region.text}: {region.value}")[1] else region.value,
        )
        for region in reading.regions
    )
    return replace(reading, text=text, lines=lines, regions=regions), found

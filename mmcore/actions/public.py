"""What of a file is for others to use."""

from __future__ import annotations

import re

from mmcore.syntax import Symbol


def is_public(text: str, language: str, symbol: Symbol) -> bool:
    """As each language says it; in Rust, a block of methods is nobody's to document."""
    if language == "go":
        return symbol.name[:1].isupper()
    if language == "rust":
        return text.startswith("pub", symbol.start)
    line = text.rfind("\n", 0, symbol.start) + 1
    head = re.split(r"[({]", text[line : symbol.end])[0]
    if not symbol.name or symbol.name.startswith(("_", "#")) or re.search(r"\bprivate\b", head):
        return False
    inner = text[line : line + 1].isspace()
    # A module that exports something keeps the rest to itself.
    return language == "python" or inner or head.startswith("export") or not re.search(r"^export\b", text, re.M)

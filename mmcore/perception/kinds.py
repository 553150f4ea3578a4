"""Guess what a picture shows from the text that was read in it."""

from __future__ import annotations

import re

TRACEBACK = re.compile(
    r"Traceback \(most recent call|^\s*File \"[^\"]+\", line \d+"  # Python
    r"|panicked at |^goroutine \d+ \[|Exception in thread|^\s+at .+[:(].+:\d+"  # Rust, Go, Java, Node
    r"|:\d+(?::\d+)?: (?:fatal )?error|error\[E\d{4}\]|\(\d+,\d+\): error TS\d+",  # gcc, clang, rustc, tsc
    re.MULTILINE,
)
TESTS = re.compile(r"={5,} .* ={5,}|^(?:FAILED|PASSED|ERROR) \S+|\d+ (?:passed|failed).* in [\d.]+ ?s", re.MULTILINE)
# A lone `#`, `%` or `>` begins comments and quotations as well.
PROMPT = re.compile(r"^(?:\S+@\S+[:~ ].*[$#%]|[$❯➜] ?\w|PS [A-Z]:\\|[A-Z]:\\\S*>|\(\w+\) .*[$#%] )", re.MULTILINE)
CODE = re.compile(
    r"^\s*(?:def |class |import |from \S+ import|return\b|if |for |while |fn |func |let |const |var |pub |use |#include"
    r"|public |private |static |export |package |elif |else\b)|[;{}]\s*$|\w+\(.*\)\s*[;:{]?$",
    re.MULTILINE,
)


def guess(text: str, numbered: bool = False) -> str:
    """One of traceback, pytest, terminal, editor, text; with its lines `numbered` it is an editor."""
    if numbered:
        return "editor"
    if TESTS.search(text):
        return "pytest"
    if TRACEBACK.search(text):
        return "traceback"
    if PROMPT.search(text):
        return "terminal"
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and len(CODE.findall(text)) >= max(2, 0.3 * len(lines)):
        return "editor"
    return "text"

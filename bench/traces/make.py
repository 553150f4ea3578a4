"""Make the traces: take lines out of files of this repository and type them again as a person would.

    python bench/traces/make.py        # writes bench/traces/*.jsonl; the same seed gives the same keys

A trace is JSON lines. The first opens a document: `{"t", "open", "language", "text"}`. Every other is one key:
`{"t", "range", "text", "cursor"}` for an edit (`range` is [line, column, line, column]), `{"t", "cursor"}` for a move.
`t` is in seconds; columns are code points, and all text is ASCII or in the basic plane, so they are UTF-16 units too.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

# Mean and spread of the interval between two keys of a practised typist, about 65 words a minute within a line
# (Dhakal et al., "Observations on Typing from 136 Million Keystrokes", CHI 2018: mean 238 ms over all typists, 120 ms
# for the fastest quarter); a new line or another place takes thought.
KEY_S, SPREAD = 0.17, 0.4
LINE_S, PLACE_S, THINK_S = (0.5, 1.8), (1.0, 2.5), (0.6, 2.0)
THINKS, SLIPS = 0.04, 0.03
NEIGHBOURS = dict(zip("abcdefghijklmnopqrstuvwxyz", "snvfrdghukjlkbniptadyrbecxsxa", strict=False))
PAIRS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Task:
    """What is typed: in `path`, the `count` lines from the first that begins with `first`, for each of `cuts`."""

    path: str
    language: str
    cuts: tuple[tuple[str, int], ...]
    closes: bool


TASKS = (
    Task(
        "mmcore/config.py",
        "python",
        (("    if wanted in (int, float):", 4), ('            yield f"{prefix}{key}", value', 1)),
        closes=False,
    ),
    Task(
        "editor-clients/vscode/src/answers.ts",
        "typescript",
        (("    const conversation = new Conversation(uri", 3), ("    this.busy = false;", 2)),
        closes=True,
    ),
    Task(
        "editor-clients/neovim/lua/sidesight/answer.lua",
        "lua",
        (("  if not location then", 4), ("  return views[bufnr] ~= nil", 1)),
        closes=True,
    ),
)


class Typist:
    """Holds the document and the clock, and writes down each key."""

    def __init__(self, text: str, closes: bool, dice: random.Random) -> None:
        self.text = text
        self.offset = 0
        self.events: list[dict[str, Any]] = []
        self._closes = closes
        self._closed = 0  # closers set by the editor that stand right after the cursor
        self._dice = dice
        self._t = 0.0

    def go_to(self, offset: int) -> None:
        self._wait(*PLACE_S)
        self.offset, self._closed = offset, 0
        self._note({})

    def type_line(self, line: str) -> None:
        """Enter, and then the line; the editor indents it as the line before, and more after an opener."""
        self._wait(*LINE_S)
        before = self.text[self.text.rfind("\n", 0, self.offset) + 1 : self.offset]
        indent = before[: len(before) - len(before.lstrip())]
        wanted = line[: len(line) - len(line.lstrip())]
        self._replace(self.offset, self.offset, f"\n{indent}")
        if len(wanted) > len(indent):
            self._key()
            self._replace(self.offset, self.offset, wanted[len(indent) :])
        elif len(wanted) < len(indent):
            self._key()
            self._replace(self.offset - len(indent) + len(wanted), self.offset, "")
        for character in line[len(wanted) :]:
            self._type(character)

    def _type(self, character: str) -> None:
        self._key()
        if self._dice.random() < THINKS and character.isalpha():
            self._wait(*THINK_S)
        if self._dice.random() < SLIPS and character in NEIGHBOURS:
            self._replace(self.offset, self.offset, NEIGHBOURS[character])
            self._key(2.0)
            self._replace(self.offset - 1, self.offset, "")
            self._key()
        if self._closed and self.text[self.offset] == character:
            self.offset += 1
            self._closed -= 1
            self._note({})
        elif self._closes and character in PAIRS:
            self._replace(self.offset, self.offset, character + PAIRS[character], back=1)
            self._closed += 1
        else:
            self._replace(self.offset, self.offset, character)

    def _key(self, times: float = 1.0) -> None:
        self._t += times * min(max(self._dice.lognormvariate(0, SPREAD) * KEY_S, 0.05), 0.8)

    def _wait(self, least: float, most: float) -> None:
        self._t += self._dice.uniform(least, most)

    def _replace(self, start: int, end: int, text: str, back: int = 0) -> None:
        span = [*self._position(start), *self._position(end)]
        self.text = self.text[:start] + text + self.text[end:]
        self.offset = start + len(text) - back
        self._note({"range": span, "text": text})

    def _note(self, event: dict[str, Any]) -> None:
        self.events.append({"t": round(self._t, 3), **event, "cursor": self._position(self.offset)})

    def _position(self, offset: int) -> list[int]:
        line = self.text.count("\n", 0, offset)
        return [line, offset - self.text.rfind("\n", 0, offset) - 1]


def make(task: Task, dice: random.Random) -> list[dict[str, Any]]:
    whole = (ROOT / task.path).read_text("utf-8")
    spans = []
    for first, count in task.cuts:
        start = end = whole.rindex("\n", 0, whole.index(first) + 1)
        for _ in range(count):
            end = whole.index("\n", end + 1)
        spans.append((start, end))
    text = whole
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + text[end:]
    typist = Typist(text, task.closes, dice)
    for start, end in sorted(spans):  # what stands before is whole again by then
        typist.go_to(start)
        for line in whole[start + 1 : end].split("\n"):
            typist.type_line(line)
    assert typist.text == whole, task.path
    return [{"t": 0.0, "open": task.path, "language": task.language, "text": text}, *typist.events]


def main() -> None:
    dice = random.Random(3)
    for task in TASKS:
        events = make(task, dice)
        path = HERE / f"{Path(task.path).stem}.jsonl"
        path.write_text("".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events), "utf-8")
        print(f"{path.name}: {len(events) - 1} keys in {events[-1]['t']:.0f} s")


if __name__ == "__main__":
    main()

"""What guessing ahead is worth where nothing is to be repeated: real code gone on with, beside llama.cpp.

    python bench/guessing.py            # both models; writes bench/results/guessing.md and .json
    python bench/guessing.py --models qwen2.5-coder-0.5b --places 5 --rows 20

Each place is the end of some line in this repository's packages, which no model has learnt; llama.cpp, ours with every
token by itself, and ours with guesses go on from it in turn, without temperature. The guessing engine has read what the
other questions of the run had before their places, as an editor's has read what its user looked at; in the first places
that is nothing. Infillings are asked of ours only, with and without, in one process each: their tests tell whether
guesses cost anything but time.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from engines import MODELS, RESULTS, SHARED, Child, machine, sample

from mmcore.prompt.fim import render_fim

ROOT = Path(__file__).parents[1]
PACKAGES = ("lsp_server", "mmcore")
LLAMA, PLAIN, GUESSING = COLUMNS = ("llama.cpp", "ours, token by token", "ours, guessing")
ENGINES = {LLAMA: "llama.cpp", PLAIN: "openvino", GUESSING: "openvino"}
# Tokens before the place, and characters of a token of code as Qwen2's tokenizer cuts it.
BEFORE = (30, 250, 1000)
CHARACTERS = 4
WRITTEN = 48


@dataclass(frozen=True, slots=True)
class Going:
    """`seconds` that `tokens` took after the first one."""

    model: str
    before: int
    column: str
    tokens: int
    seconds: float


def begun(tokens: int, seed: int) -> str:
    """About so many tokens of the packages, up to the end of some line."""
    pick = random.Random(seed)
    files = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    pick.shuffle(files)
    text = "".join(path.read_text("utf-8") for path in files)
    begin = pick.randrange(len(text) - 2 * CHARACTERS * tokens)
    return text[begin : text.index("\n", begin + CHARACTERS * tokens) + 1]


def go_on(children: dict[str, Child], model: str, places: int) -> list[Going]:
    found = []
    for place in range(places):
        for before in BEFORE:
            prompt = begun(before, 10_000 * before + place)
            answers = {
                column: child.ask(prompt, WRITTEN, guess=column == GUESSING) for column, child in children.items()
            }
            if min(said["generated"] for said in answers.values()) > 1:
                for column, said in answers.items():
                    seconds = said["total_s"] - said["first_s"]
                    found.append(Going(model, before, column, said["generated"] - 1, seconds))
        print(f"{model}: place {place + 1} of {places}", file=sys.stderr)
    return found


def infill(children: dict[str, Child], rows: int, shared: Path) -> dict[str, int]:
    """How many rows' tests pass with the line that each writes."""
    sys.path.insert(0, str(shared / "tools"))
    from score_code import fill_in_the_middle

    passed: dict[str, int] = defaultdict(int)
    for row in sample(shared / "data" / "fim" / "humaneval_single_line.jsonl", range(rows)):
        for column in (PLAIN, GUESSING):
            prompt = render_fim(row["prompt"], row["suffix"])
            line = children[column].ask(prompt, 96, stop=("\n",), guess=column == GUESSING)["text"]
            passed[column] += fill_in_the_middle(row, line + "\n")[0]
    return passed


def table(model: str, found: Sequence[Going], passed: dict[str, int], rows: int) -> list[str]:
    """Tokens of all places over their seconds: a place in which nothing could be guessed counts in full."""
    lines = [f"## {model}", "", f"| tokens a second | {' | '.join(COLUMNS)} |", "|---|" + "---:|" * len(COLUMNS)]
    for before in BEFORE:
        here = [going for going in found if (going.model, going.before) == (model, before)]
        rates = {
            column: sum(g.tokens for g in here if g.column == column)
            / sum(g.seconds for g in here if g.column == column)
            for column in COLUMNS
        }
        cells = [f"{rate:.1f} · {rate / rates[LLAMA]:.2f}×" for rate in rates.values()]
        lines.append(f"| after {before:,} tokens, {len(here) // len(COLUMNS)} places | {' | '.join(cells)} |")
    if rows:
        cells = [f"{passed[column]} of {rows}" if column in passed else "" for column in COLUMNS]
        lines.append(f"| single-line infilling, passed | {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--places", type=int, default=20)
    parser.add_argument("--rows", type=int, default=100, help="of single-line infilling")
    parser.add_argument("--shared", type=Path, default=SHARED, help="the folder with data/ and tools/")
    arguments = parser.parse_args()
    found: list[Going] = []
    lines = ["# Guessing ahead", "", f"{machine()}; {WRITTEN} tokens written. ×: of llama.cpp's."]
    for model in arguments.models:
        children = {
            column: Child(kind, model, script=str(Path(__file__).with_name("engines.py")))
            for column, kind in ENGINES.items()
        }
        here = go_on(children, model, arguments.places)
        passed = infill(children, arguments.rows, arguments.shared)
        for child in children.values():
            child.close()
        found += here
        lines += ["", *table(model, here, passed, arguments.rows)]
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "guessing.md").write_text("\n".join(lines) + "\n", "utf-8")
        (RESULTS / "guessing.json").write_text(json.dumps([asdict(going) for going in found], indent=1) + "\n", "utf-8")
        print("\n".join(lines[-len(BEFORE) - 6 :]), flush=True)


if __name__ == "__main__":
    main()

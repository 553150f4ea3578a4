"""Ask models about pictures in the three ways of `chat.fusion`, and compare.

    python bench/fusion.py --model tiny-eyes --path build/tiny-eyes --shapes 8    # what `make test-vision` trained
    python bench/fusion.py --model NAME [--questions 24] [--seconds 240]          # on the screenshot questions

The pictures of `shapes` hold no text, so the text that was read in them answers nothing; screenshots are mostly text,
of which a model without eyes gets the same in all three ways. Right is the one word that is expected, and about
screenshots an answer that contains all that is expected, without regard to case. A run that stops after `--seconds` is
gone on with by the next. Writes bench/results/fusion.md and fusion.json.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mmcore import config
from mmcore.assistant import Question, open_assistant
from mmcore.config import MemorySettings, Settings
from mmcore.prompt.fusion import FUSIONS

HERE = Path(__file__).parent
RESULTS = HERE / "results"
SCREENSHOTS = HERE.parents[1] / "shared" / "data" / "screenshots"
ENTRY = '[[model]]\nname = "{name}"\nroles = ["chat", "vision"]\nprompt_format = "none"\npath = "{path}"\n'


@dataclass(frozen=True)
class Asked:
    picture: Path
    question: str
    right: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="name in the catalog")
    parser.add_argument("--path", type=Path, help="directory of a model that the catalog does not know")
    parser.add_argument("--shapes", type=int, default=0, help="so many generated pictures of shapes")
    parser.add_argument("--questions", type=int, default=24, help="so many of the questions about screenshots, spread")
    parser.add_argument("--only", choices=FUSIONS, action="append", help="this way alone; may be repeated")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so many, to go on another time")
    chosen = parser.parse_args()
    stored = RESULTS / "fusion.json"
    rows = json.loads(stored.read_text("utf-8")) if stored.exists() else []
    with tempfile.TemporaryDirectory() as folder:
        if chosen.path:
            # A state of its own, so that a host is started that knows the model.
            os.environ["SIDESIGHT_STATE"] = os.environ["SIDESIGHT_CONFIG"] = folder
            os.environ["SIDESIGHT_CONFIG"] += "/config.toml"
            entry = ENTRY.format(name=chosen.model, path=chosen.path.resolve().as_posix())
            Path(folder, "models.toml").write_text(entry, "utf-8")
        settings, _ = config.load()
        settings = replace(settings, memory=MemorySettings(enabled=False))
        every = list(shapes(Path(folder), chosen.shapes)) if chosen.shapes else list(screenshots())
        asked = every if chosen.shapes else every[:: max(1, len(every) // chosen.questions)][: chosen.questions]
        kind = "shapes" if chosen.shapes else "screenshots"
        try:
            asyncio.run(measure(settings, chosen, kind, asked, rows))
        finally:
            if chosen.path:
                subprocess.run([sys.executable, "-P", "-m", "lsp_server", "host", "--stop"], check=True)
    report(rows)


async def measure(
    settings: Settings, chosen: argparse.Namespace, kind: str, asked: list[Asked], rows: list[dict[str, object]]
) -> None:
    """Adds a row a question to `rows`, and to the file of results."""
    began = time.monotonic()
    for fusion in chosen.only or FUSIONS:
        done = {(row["picture"], row["question"]) for row in rows if row_key(row) == (chosen.model, kind, fusion)}
        assistant = open_assistant(with_fusion(settings, chosen.model, fusion))
        try:
            for each in asked:
                if (each.picture.name, each.question) in done or time.monotonic() - began > chosen.seconds:
                    continue
                started = time.monotonic()
                answer = await assistant.ask(Question(each.question, images=(each.picture,)))
                said = answer.text.partition("\n\n⚠")[0]
                row = {
                    "model": chosen.model,
                    "kind": kind,
                    "fusion": fusion,
                    "picture": each.picture.name,
                    "question": each.question,
                    "right": is_right(said, each, kind),
                    "marked": "⚠" in answer.text,
                    "s": round(time.monotonic() - started, 2),
                    "said": said,
                    "expected": list(each.right),
                }
                rows.append(row)
                RESULTS.mkdir(exist_ok=True)
                (RESULTS / "fusion.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")
        finally:
            await assistant.close()


def is_right(said: str, asked: Asked, kind: str) -> bool:
    if kind == "shapes":
        # Words such as "no", which stand in many an answer.
        return said.strip() == asked.right[0]
    return all(expected.lower() in said.lower() for expected in asked.right)


def row_key(row: dict[str, object]) -> tuple[object, object, object]:
    return row["model"], row["kind"], row["fusion"]


def report(rows: list[dict[str, object]]) -> None:
    groups: dict[tuple[object, object, object], list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        groups[row_key(row)].append(row)
    lines = [
        "| model | pictures | fusion | questions | right | marked ⚠ | s a question |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for (model, kind, fusion), group in groups.items():
        right = sum(bool(row["right"]) for row in group) / len(group)
        marked = sum(bool(row["marked"]) for row in group)
        seconds = sum(float(str(row["s"])) for row in group) / len(group)
        lines.append(f"| {model} | {kind} | {fusion} | {len(group)} | {right:.1%} | {marked} | {seconds:.1f} |")
    print("\n".join(lines))
    (RESULTS / "fusion.md").write_text("\n".join(lines) + "\n", "utf-8")


def with_fusion(settings: Settings, model: str, fusion: str) -> Settings:
    return replace(settings, chat=replace(settings.chat, model=model, fusion=fusion))


def shapes(folder: Path, count: int) -> Iterator[Asked]:
    sys.path.append(str(HERE.parent))  # the tests are no package that is installed
    from tests.vision.scenes import questions, scenes

    for number, (scene, image) in enumerate(itertools.islice(scenes(3, held_out=True), count)):
        path = folder / f"{number}.png"
        image.save(path)
        for question, answer in questions(scene):
            yield Asked(path, question, (answer,))


def screenshots() -> Iterator[Asked]:
    for row in (SCREENSHOTS / "truth.jsonl").read_text("utf-8").splitlines():
        described = json.loads(row)
        for item in described["qa"]:
            answers = item["a"] if isinstance(item["a"], list) else [item["a"]]
            if answers and None not in answers:
                yield Asked(SCREENSHOTS / described["image"], item["q"], tuple(map(str, answers)))


if __name__ == "__main__":
    main()

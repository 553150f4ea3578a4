"""Ask a vision model about pictures in the three ways of `chat.fusion`, and compare.

    python bench/fusion.py --model tiny-eyes --shapes 30       # the one that `make test-vision` trained, on shapes
    python bench/fusion.py --model NAME                        # any model of the catalog, on the screenshot questions

The pictures of `shapes` hold no text, so the text that was read in them answers nothing; screenshots are mostly text.
Right is an answer that contains all that is expected, without regard to case. Writes bench/results/fusion.md.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mmcore import config
from mmcore.assistant import Question, open_assistant
from mmcore.config import MemorySettings, Settings
from mmcore.prompt.fusion import FUSIONS

HERE = Path(__file__).parent
SCREENSHOTS = HERE.parents[1] / "shared" / "data" / "screenshots"


@dataclass(frozen=True)
class Asked:
    picture: Path
    question: str
    right: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="name in the catalog")
    parser.add_argument("--shapes", type=int, default=0, help="so many generated pictures of shapes")
    parser.add_argument("--questions", type=int, default=40, help="so many of the questions about screenshots")
    arguments = parser.parse_args()
    settings, _ = config.load()
    settings = replace(settings, memory=MemorySettings(enabled=False))
    with tempfile.TemporaryDirectory() as folder:
        asked = list(shapes(Path(folder), arguments.shapes)) if arguments.shapes else list(screenshots())
        rows = [
            asyncio.run(measure(with_fusion(settings, arguments.model, fusion), asked[: arguments.questions]))
            for fusion in FUSIONS
        ]
    kind = "shapes" if arguments.shapes else "screenshots"
    lines = [
        f"{arguments.model}, {min(len(asked), arguments.questions)} questions about {kind}",
        "",
        "| fusion | right | of these marked ⚠ | seconds a question |",
        "|---|---:|---:|---:|",
        *(f"| {fusion} | {row[0]:.1%} | {row[1]} | {row[2]:.1f} |" for fusion, row in zip(FUSIONS, rows, strict=True)),
    ]
    print("\n".join(lines))
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / f"fusion-{kind}.md").write_text("\n".join(lines) + "\n", "utf-8")


async def measure(settings: Settings, asked: list[Asked]) -> tuple[float, int, float]:
    """The share of right answers, how many were objected to, seconds a question."""
    assistant = open_assistant(settings)
    right = marked = 0
    began = time.monotonic()
    try:
        for each in asked:
            answer = await assistant.ask(Question(each.question, images=(each.picture,)))
            said = answer.text.partition("\n\n⚠")[0].lower()
            right += all(expected.lower() in said for expected in each.right)
            marked += "⚠" in answer.text
    finally:
        await assistant.close()
    return right / len(asked), marked, (time.monotonic() - began) / len(asked)


def with_fusion(settings: Settings, model: str, fusion: str) -> Settings:
    return replace(settings, chat=replace(settings.chat, model=model, fusion=fusion))


def shapes(folder: Path, count: int) -> Iterator[Asked]:
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

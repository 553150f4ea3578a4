"""Measure reading: characters, lines, indentation, questions, nodes and edges, seconds; beside Tesseract and rapidocr.

    python bench/sight.py --data ../shared/data [--kinds editor,pytest] [--each 5] [--no-others] [--append]
    python bench/sight.py --data ../shared/data --ask qwen2.5-coder-1.5b [--each 5] --append

Every picture is read by all readers before the next one is begun, so that a busy machine slows all alike; the models
are loaded before. A truth line counts with its best match among the lines read (line numbers taken off in editors), so
that title bars and status bars, which the others print too, harm nobody. With `--append` the pictures that are not read
again keep their rows, so that a long run can be made in pieces; `--missing` goes on where a run was ended. `--ask` asks
the model about every picture and counts the answers that hold what is expected. Writes bench/results/sight.md and
sight.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shutil
import statistics
import subprocess
import tempfile
import textwrap
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmcore.config import MemorySettings, PerceptionSettings, Settings
from mmcore.context.grounding import ground
from mmcore.perception import pipeline
from mmcore.perception.frames import parse_frames
from mmcore.types import Reading

RESULTS = Path(__file__).parent / "results"
Row = dict[str, Any]
GUTTER = re.compile(r"^\s*\d+[ \t|]?")


def distance(first: str, second: str) -> int:
    """Levenshtein."""
    row = np.arange(len(second) + 1)
    letters = np.array([ord(character) for character in second])
    steps = np.arange(len(second) + 1)
    for count, character in enumerate(first, 1):
        best = np.minimum(row[:-1] + (letters != ord(character)), row[1:] + 1)
        row = np.minimum.accumulate(np.concatenate([[count], best]) - steps) + steps
    return int(row[-1])


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def text_scores(read: str, row: Row, numbered: bool) -> dict[str, float]:
    truth, editor = row["text"], row["kind"] == "editor"
    if not row.get("marked", True):
        # How far code is indented counts from the leftmost line where nothing need tell where its margin is.
        read, truth = textwrap.dedent(read), textwrap.dedent(truth)
    wanted = [line.rstrip() for line in truth.splitlines() if line.strip()]
    lines = [line.rstrip() for line in read.strip("\n").splitlines()]
    if editor and numbered:
        lines = [GUTTER.sub("", line) for line in lines]
    words = [squeezed(line) for line in lines] or [""]
    errors = sum(min(distance(squeezed(line), other) for other in words) for line in wanted)
    return {
        "errors": errors,
        "characters": sum(len(squeezed(line)) for line in wanted),
        "lines": sum(squeezed(line) in words for line in wanted),
        "indented": sum(line in lines for line in wanted),
        "of": len(wanted),
    }


def answered(text: str, answer: object) -> float:
    """Share of the answer that stands in the text; numbers and names as they are."""
    text = squeezed(text).lower()
    if answer is None:
        return float("nan")
    parts = answer if isinstance(answer, list) else [answer]
    return sum(squeezed(str(part)).lower() in text for part in parts) / len(parts) if parts else float("nan")


def everything(reading: Reading) -> str:
    return "\n".join([reading.text, *(line.text for line in reading.lines), *(r.text for r in reading.regions)])


def f1(found: list[object], wanted: list[object]) -> float:
    shared = sum((Counter(found) & Counter(wanted)).values())
    return 2 * shared / (len(found) + len(wanted)) if found or wanted else 1.0


def graph_scores(reading: Reading, row: dict[str, list[object]]) -> dict[str, float]:
    nodes: list[object] = [squeezed(node.text).lower() for node in reading.diagram.nodes] if reading.diagram else []
    edges = reading.diagram.edges if reading.diagram else ()
    found = [(nodes[edge.source], nodes[edge.target], squeezed(edge.label).lower()) for edge in edges]
    wanted = [tuple(squeezed(str(part)).lower() for part in edge) for edge in row["edges"]]  # type: ignore[attr-defined]
    return {
        "nodes": f1(nodes, [squeezed(str(node)).lower() for node in row["nodes"]]),
        "edges": f1([edge[:2] for edge in found], [edge[:2] for edge in wanted]),
        "labelled": f1(list(found), list(wanted)),
    }


def located(text: str, row: dict[str, object]) -> float:
    """Whether the innermost frame leads to the right line of a workspace that has the user's files."""
    question = next(q for q in row["qa"] if "which line" in q["q"])  # type: ignore[attr-defined]
    path, line = question["a"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for frame in parse_frames(str(row["text"])):
            if frame.path.startswith(str(Path(path).parent)):
                file = root / Path(frame.path).relative_to(Path(path).parent)
                file.write_text("pass\n" * 400, "utf-8")
        places = ground(parse_frames(text), [root])
        return float(bool(places) and places[0].path.name == Path(path).name and places[0].range.start.line + 1 == line)


def tesseract(path: Path) -> str:
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if grey.mean() < 128:
        grey = 255 - grey
    large = cv2.resize(grey, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    _, encoded = cv2.imencode(".png", large)
    command = ["tesseract", "-", "-", "--psm", "6"]
    return subprocess.run(command, input=encoded.tobytes(), capture_output=True, check=True).stdout.decode()


def rapidocr() -> Callable[[Path], str]:
    from rapidocr import RapidOCR

    engine = RapidOCR(params={"Global.log_level": "error"})

    def read(path: Path) -> str:
        found = engine(str(path))
        if found.boxes is None:
            return ""
        rows: list[list[tuple[float, float, float, str]]] = []
        for box, text in sorted(zip(found.boxes, found.txts, strict=True), key=lambda entry: entry[0][0][1]):
            middle, height = float(box[:, 1].mean()), float(np.ptp(box[:, 1]))
            if rows and abs(rows[-1][0][0] - middle) < 0.5 * height:
                rows[-1].append((middle, height, float(box[0][0]), text))
            else:
                rows.append([(middle, height, float(box[0][0]), text)])
        return "\n".join(" ".join(part[3] for part in sorted(row, key=lambda part: part[2])) for row in rows)

    return read


async def asked(settings: Settings, path: Path, questions: list[dict[str, Any]]) -> float:
    """Share of the questions that `sidesight ask` answers; the pictures stand in files, nothing is remembered."""
    from mmcore.assistant import Question, open_assistant  # reading alone needs neither engine nor host

    assistant = open_assistant(settings)
    try:
        answers = [await assistant.ask(Question(question["q"], images=(path,))) for question in questions]
    finally:
        await assistant.close()
    return float(np.nanmean([answered(said.text, q["a"]) for said, q in zip(answers, questions, strict=True)]))


def measure_picture(path: Path, row: dict[str, Any], others: dict[str, Callable[[Path], str]]) -> list[Row]:
    kind = row["kind"]

    def timed(name: str, read: Callable[[Path], Any]) -> tuple[Row, Any]:
        started = time.perf_counter()
        found = read(path)
        return {"reader": name, "kind": kind, "image": row["image"], "s": time.perf_counter() - started}, found

    ours, reading = timed("sidesight", lambda path: pipeline.read(path.read_bytes(), PerceptionSettings()))
    if "edges" in row:
        return [ours | graph_scores(reading, row)]
    readings = [(ours, reading.text, everything(reading))]
    for name, read in others.items():
        entry, text = timed(name, read)
        readings.append((entry, text, text))
    for entry, text, whole in readings:
        if row["text"]:
            entry |= text_scores(text, row, entry["reader"] != "sidesight")
        if row["qa"]:
            entry["qa"] = float(np.nanmean([answered(whole, question["a"]) for question in row["qa"]]))
        if kind == "traceback":
            entry["located"] = located(text, row)
    return [entry for entry, _, _ in readings]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--each", type=int, default=1000, help="pictures of each kind")
    parser.add_argument("--kinds", default="", help="only these kinds, separated by commas")
    parser.add_argument("--no-others", action="store_true", help="only Sidesight")
    parser.add_argument("--ask", default="", metavar="MODEL", help="ask this model about the pictures, read nothing")
    parser.add_argument("--append", action="store_true", help="keep the rows of earlier runs")
    parser.add_argument("--missing", action="store_true", help="with --append: only what has no rows yet")
    parser.add_argument("--out", default="sight", help="name of the results")
    chosen = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    others: dict[str, Callable[[Path], str]] = {}
    if not chosen.no_others and not chosen.ask:
        others["rapidocr"] = rapidocr()
        if shutil.which("tesseract"):
            others["tesseract"] = tesseract
    rows: dict[tuple[str, str], Row] = {}
    saved = RESULTS / f"{chosen.out}.json"
    if chosen.append and saved.is_file():
        rows = {(row["image"], row["reader"]): row for row in json.loads(saved.read_text("utf-8"))}
    seen: Counter[str] = Counter()
    warm = False
    for folder in ("screenshots", "diagrams"):
        truth = chosen.data / folder / "truth.jsonl"
        for line in truth.read_text("utf-8").splitlines() if truth.is_file() else ():
            row = json.loads(line)
            kind, path = row["kind"], chosen.data / folder / row["image"]
            seen[kind] += 1
            if seen[kind] > chosen.each or (chosen.kinds and kind not in chosen.kinds.split(",")):
                continue
            if chosen.ask:
                if row.get("qa"):
                    settings = replace(Settings(), memory=MemorySettings(enabled=False))
                    settings = replace(settings, chat=replace(settings.chat, model=chosen.ask))
                    key = (row["image"], "sidesight")
                    entry = rows.get(key, {"reader": "sidesight", "kind": kind, "image": row["image"]})
                    rows[key] = entry | {"asked": asyncio.run(asked(settings, path, row["qa"]))}
                    report(list(rows.values()), chosen.out)
                continue
            if chosen.missing and (row["image"], next(reversed(others), "sidesight")) in rows:
                continue
            if not warm:
                measure_picture(path, row, others)
                warm = True
            for entry in measure_picture(path, row, others):
                key = (entry["image"], entry["reader"])
                rows[key] = {**({"asked": rows[key]["asked"]} if "asked" in rows.get(key, {}) else {}), **entry}
            report(list(rows.values()), chosen.out)
    print((RESULTS / f"{chosen.out}.md").read_text("utf-8"))


def report(rows: list[Row], out: str) -> None:
    order = "editor traceback pytest terminal form dialog chart flow-dot flow-mermaid flow-hand class state sequence"
    kinds = order.split()
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[str(row["kind"]), str(row["reader"])].append(row)
    head = "kind reader pictures CER lines indented questions asked located nodes edges labelled seconds"
    names = head.split()
    table = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    for (kind, reader), group in sorted(
        groups.items(), key=lambda item: (kinds.index(item[0][0]) if item[0][0] in kinds else 99, item[0])
    ):

        def mean(name: str, group: list[Row] = group) -> str:
            values = [row[name] for row in group if name in row]
            return f"{statistics.mean(values):.3f}" if values else ""

        def share(part: str, whole: str, group: list[Row] = group) -> str:
            total = sum(row.get(whole, 0) for row in group)
            return f"{sum(row.get(part, 0) for row in group) / total:.4f}" if total else ""

        seconds = [row["s"] for row in group if "s" in row]
        table.append(
            "| "
            + " | ".join(
                [
                    kind,
                    reader,
                    str(len(group)),
                    share("errors", "characters"),
                    share("lines", "of"),
                    share("indented", "of"),
                    *map(mean, ("qa", "asked", "located", "nodes", "edges", "labelled")),
                    f"{statistics.median(seconds):.2f}" if seconds else "",
                ]
            )
            + " |"
        )
    (RESULTS / f"{out}.md").write_text("\n".join(table) + "\n", "utf-8")
    (RESULTS / f"{out}.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()

"""Measure reading: characters, lines, indentation, questions, nodes and edges, seconds; beside Tesseract and rapidocr.

    python bench/sight.py --data ../shared/data [--each 5] [--no-others]

Every picture is read by all readers before the next one is begun, so that a busy machine slows all alike. A truth line
counts with its best match among the lines read (line numbers taken off in editors), so that title bars and status bars,
which the others print too, harm nobody. Writes bench/results/sight.md and sight.json.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from mmcore.config import PerceptionSettings
from mmcore.context.grounding import ground
from mmcore.perception import pipeline
from mmcore.perception.frames import parse_frames
from mmcore.types import Reading

RESULTS = Path(__file__).parent / "results"
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


def text_scores(read: str, truth: str, editor: bool, numbered: bool) -> dict[str, float]:
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
        rows: list[list[tuple[float, float, float, str]]] = []
        for box, text in sorted(zip(found.boxes, found.txts, strict=True), key=lambda entry: entry[0][0][1]):
            middle, height = float(box[:, 1].mean()), float(np.ptp(box[:, 1]))
            if rows and abs(rows[-1][0][0] - middle) < 0.5 * height:
                rows[-1].append((middle, height, float(box[0][0]), text))
            else:
                rows.append([(middle, height, float(box[0][0]), text)])
        return "\n".join(" ".join(part[3] for part in sorted(row, key=lambda part: part[2])) for row in rows)

    return read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--each", type=int, default=1000, help="pictures of each kind")
    parser.add_argument("--kinds", default="", help="only these kinds, separated by commas")
    parser.add_argument("--no-others", action="store_true", help="only Sidesight")
    chosen = parser.parse_args()
    others: dict[str, Callable[[Path], str]] = {}
    if not chosen.no_others:
        others["rapidocr"] = rapidocr()
        if shutil.which("tesseract"):
            others["tesseract"] = tesseract
    settings = PerceptionSettings()
    rows: list[dict[str, object]] = []
    seen: Counter[str] = Counter()
    for folder in ("screenshots", "diagrams"):
        for line in (chosen.data / folder / "truth.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            kind = row["kind"]
            seen[kind] += 1
            if seen[kind] > chosen.each or (chosen.kinds and kind not in chosen.kinds.split(",")):
                continue
            path = chosen.data / folder / row["image"]
            started = time.perf_counter()
            reading = pipeline.read(path.read_bytes(), settings)
            ours = {"reader": "sidesight", "kind": kind, "image": row["image"], "s": time.perf_counter() - started}
            if folder == "diagrams":
                rows.append(ours | graph_scores(reading, row))
                continue
            readings = [(ours, reading.text, everything(reading))]
            for name, read in others.items():
                started = time.perf_counter()
                text = read(path)
                entry = {"reader": name, "kind": kind, "image": row["image"], "s": time.perf_counter() - started}
                readings.append((entry, text, text))
            for entry, text, whole in readings:
                if row["text"]:
                    entry |= text_scores(text, row["text"], kind == "editor", entry["reader"] != "sidesight")
                answers = [answered(whole, question["a"]) for question in row["qa"]]
                entry["qa"] = float(np.nanmean(answers))
                if kind == "traceback":
                    entry["located"] = located(text, row)
                rows.append(entry)
    report(rows)


def report(rows: list[dict[str, object]]) -> None:
    groups: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for row in rows:
        groups[str(row["kind"]), str(row["reader"])].append(row)  # type: ignore[arg-type]
    names = "kind reader pictures CER lines indented questions located nodes edges labelled seconds".split()  # noqa: SIM905
    head = "| " + " | ".join(names) + " |"
    table = [head, "|" + " --- |" * 12]
    for (kind, reader), group in groups.items():

        def mean(name: str, group: list[dict[str, float]] = group) -> str:
            values = [row[name] for row in group if name in row]
            return f"{statistics.mean(values):.3f}" if values else ""

        def share(part: str, whole: str, group: list[dict[str, float]] = group) -> str:
            total = sum(row.get(whole, 0) for row in group)
            return f"{sum(row.get(part, 0) for row in group) / total:.4f}" if total else ""

        cells = [
            kind,
            reader,
            str(len(group)),
            share("errors", "characters"),
            share("lines", "of"),
            share("indented", "of"),
        ]
        cells += [mean("qa"), mean("located"), mean("nodes"), mean("edges"), mean("labelled")]
        cells.append(f"{statistics.median(row['s'] for row in group):.2f}")
        table.append("| " + " | ".join(cells) + " |")
    text = "\n".join(table) + "\n"
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "sight.md").write_text(text, "utf-8")
    (RESULTS / "sight.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()

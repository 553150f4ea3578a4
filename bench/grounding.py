"""Measure whether a picture of an error leads to the right file and line, and whether an answer names them.

    python bench/grounding.py                          # reading and grounding alone: minutes
    python bench/grounding.py --ask [--seconds 240]    # and `ask` with the chat model; goes on where it stopped

Three sets. `dataset`: the tracebacks of ../shared/data/screenshots. `tools`: what other languages' tools print, drawn
here in several fonts and sizes, light and dark. Each picture gets a workspace with the files that it names, whose
lines of code stand where it says, beside what could be taken for them: a copy in a folder that git ignores, a file of
the same name in another folder, one in a virtual environment. The workspace lies elsewhere than the picture says. Right
is the file and line of the innermost frame of the user's own code, as the first location. An answer is right when it
names exception, file and line. `editors`: the dataset's pictures of code, whose file here has one line changed; that
one, and no other, must be told. Writes bench/results/grounding.md and grounding.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from mmcore import config
from mmcore.assistant import Assistant, Question, open_assistant
from mmcore.config import MemorySettings
from mmcore.engine.scripted import Rule, ScriptedEngine
from mmcore.perception.frames import parse_frames
from mmcore.perception.reader import Reader

HERE = Path(__file__).parent
SCREENSHOTS = HERE.parents[1] / "shared" / "data" / "screenshots"
RESULTS = HERE / "results"
QUESTION = "What failed here, and where?"
FONTS = ("DejaVuSansMono", "Hack-Regular", "LiberationMono-Regular", "FiraCode-Regular", "JetBrainsMono-Regular")
THEMES = (("#1e1e1e", "#d4d4d4"), ("#ffffff", "#24292e"), ("#002b36", "#93a1a1"))
SIZES = (13, 15, 18)
SET_OF_TOOLS, SET_OF_DATA, SET_OF_EDITORS = "tools", "dataset", "editors"
CHANGED = "  # changed()"


@dataclass(frozen=True)
class Case:
    """`path` as printed; `exception` as an answer must name it, without its package."""

    name: str
    set: str
    picture: Path
    text: str
    path: str
    line: int
    exception: str


# What is printed; the innermost place of the user's own code; what was raised.
TOOLS = {
    "node": (
        "$ node server.js\n/home/dev/shop/src/cart.js:12\n    throw new RangeError(`no ${name}`);\n    ^\n\n"
        "RangeError: no pear\n    at priceOf (/home/dev/shop/src/cart.js:12:11)\n"
        "    at total (/home/dev/shop/src/order.js:31:9)\n    at node:internal/main/run_main_module:28:49",
        ("/home/dev/shop/src/cart.js", 12, "RangeError"),
    ),
    "go": (
        "$ go run .\npanic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:\n"
        "main.load(...)\n\t/home/dev/shop/load.go:14\nmain.main()\n\t/home/dev/shop/main.go:9 +0x1d\nexit status 2",
        ("/home/dev/shop/load.go", 14, "index out of range"),
    ),
    "rust": (
        "$ cargo run\n   Compiling shop v0.1.0 (/home/dev/shop)\nthread 'main' panicked at src/cart.rs:27:18:\n"
        "called `Option::unwrap()` on a `None` value\nnote: run with `RUST_BACKTRACE=1` environment variable",
        ("src/cart.rs", 27, "unwrap"),
    ),
    "rustc": (
        "error[E0502]: cannot borrow `list` as mutable because it is also borrowed\n  --> src/main.rs:17:5\n   |\n"
        "16 |     let first = &list[0];\n   |                  ---- immutable borrow occurs here\n"
        "17 |     list.push(6);\n   |     ^^^^^^^^^^^^ mutable borrow occurs here",
        ("src/main.rs", 17, "E0502"),
    ),
    "java": (
        'Exception in thread "main" java.lang.IllegalStateException: pool[0] is closed\n'
        "\tat java.base/java.util.Objects.checkIndex(Objects.java:385)\n"
        "\tat com.shop.db.Pool.acquire(Pool.java:88)\n\tat com.shop.Main.main(Main.java:12)",
        ("com/shop/db/Pool.java", 88, "IllegalStateException"),
    ),
    "c#": (
        "Unhandled exception. System.NullReferenceException: Object reference not set to an instance\n"
        "   at Shop.Cart.Total(String name) in C:\\work\\shop\\Cart.cs:line 42\n"
        "   at Program.Main(String[] args) in C:\\work\\shop\\Program.cs:line 7",
        ("C:\\work\\shop\\Cart.cs", 42, "NullReferenceException"),
    ),
    "windows": (
        'C:\\work\\shop> py main.py\nTraceback (most recent call last):\n  File "C:\\work\\shop\\main.py", line 8, in '
        '<module>\n    print(total(cart))\n  File "C:\\work\\shop\\lib\\cart_core.py", line 31, in total\n'
        "    return sum(PRICES[name] for name in cart)\nKeyError: 'pear'",
        ("C:\\work\\shop\\lib\\cart_core.py", 31, "KeyError"),
    ),
    "container": (
        'app-1  | Traceback (most recent call last):\napp-1  |   File "/app/main.py", line 9, in <module>\n'
        "app-1  |     run(load())\n"
        'app-1  |   File "/usr/local/lib/python3.12/site-packages/requests/api.py", line 73, in get\n'
        "app-1  |     return request(url)\n"
        'app-1  |   File "/app/shop/fetch.py", line 22, in load\napp-1  |     return json.loads(body)\n'
        'app-1  |   File "/usr/local/lib/python3.12/json/decoder.py", line 356, in raw_decode\n'
        "app-1  |     raise JSONDecodeError(msg, doc, pos)\n"
        "app-1  | json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
        ("/app/shop/fetch.py", 22, "JSONDecodeError"),
    ),
    "gcc": (
        "$ make\ncc -O2 -c -o cart.o src/cart.c\nsrc/cart.c: In function 'total':\n"
        "src/cart.c:57:12: error: 'prise' undeclared (first use in this function)\n   57 |     return prise * amount;\n"
        "      |            ^~~~~\nmake: *** [Makefile:9: cart.o] Error 1",
        ("src/cart.c", 57, "undeclared"),
    ),
    "tsc": (
        "src/index.ts:14:11 - error TS2322: Type 'string' is not assignable to type 'number'.\n\n"
        "14     const total: number = parse(input);\n             ~~~~~\n\nFound 1 error in src/index.ts:14",
        ("src/index.ts", 14, "TS2322"),
    ),
    "ruby": (
        "lib/cart.rb:19:in 'Cart#total': undefined method 'price' for nil (NoMethodError)\n\n"
        "    items.sum { |item| find(item).price }\n                                 ^^^^^^\n"
        "\tfrom bin/shop.rb:6:in '<main>'",
        ("lib/cart.rb", 19, "NoMethodError"),
    ),
    "php": (
        "PHP Fatal error:  Uncaught TypeError: total(): Argument #1 must be array in /srv/shop/cart.php:33\n"
        "Stack trace:\n#0 /srv/shop/index.php(9): total(NULL)\n#1 {main}\n  thrown in /srv/shop/cart.php on line 33",
        ("/srv/shop/cart.php", 33, "TypeError"),
    ),
    "pytest": (
        "    def test_total():\n>       assert total(['pear']) == 5\nE       assert 4 == 5\n"
        "E        +  where 4 = total(['pear'])\n\ntests/test_cart.py:16: AssertionError\n"
        "=========================== short test summary info ===========================\n"
        "FAILED tests/test_cart.py::test_total - assert 4 == 5",
        ("tests/test_cart.py", 16, "AssertionError"),
    ),
    "mypy": (
        '$ mypy shop\nshop/cart.py:21: error: Incompatible return value type (got "int", expected "str")\n'
        "Found 1 error in 1 file (checked 6 source files)",
        ("shop/cart.py", 21, "Incompatible return value"),
    ),
}


def dataset(folder: Path) -> Iterator[Case]:
    for described in truth("traceback"):
        answers = {item["q"]: item["a"] for item in described["qa"]}
        path, line = next(answer for question, answer in answers.items() if "which line" in question)
        exception = answers["Which exception was raised?"].rpartition(".")[2]
        picture = SCREENSHOTS / described["image"]
        yield Case(described["image"], SET_OF_DATA, picture, described["text"], path, line, exception)


def tools(folder: Path) -> Iterator[Case]:
    for number, (name, (text, (path, line, exception))) in enumerate(TOOLS.items()):
        for variant in range(3):
            picture = folder / f"{name}-{variant}.png"
            look = number + variant
            draw(text, picture, FONTS[look % len(FONTS)], SIZES[look % len(SIZES)], THEMES[(number + variant) % 3])
            yield Case(picture.name, SET_OF_TOOLS, picture, text, path, line, exception)


def draw(text: str, target: Path, font: str, size: int, theme: tuple[str, str]) -> None:
    face = PIL.ImageFont.truetype(f"{font}.ttf", size)
    lines = text.expandtabs(8).splitlines()
    width, height = round(max(map(face.getlength, lines))) + 40, round(size * 1.45)
    image = PIL.Image.new("RGB", (width, height * len(lines) + 32), theme[0])
    pen = PIL.ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        pen.text((16, 16 + row * height), line, theme[1], face)
    image.save(target)


def workspace(case: Case, root: Path) -> Path:
    """The files that the picture names, and what could be taken for them; the file that is right."""
    (root / ".gitignore").write_text("build/\n", "utf-8")
    (root / ".git").mkdir()
    right = root / local(case.path)
    lines: dict[Path, dict[int, str]] = {right: {}}
    for frame in parse_frames(case.text):
        path = root / local(frame.path)
        if PurePosixPath(case.path).suffix == path.suffix and not frame.path.startswith(("/usr", "node:")):
            lines.setdefault(right if path.name == right.name else path, {})[frame.line] = frame.source
    for path, known in lines.items():
        texts = [known.get(number) or f"value_{number} = {number}" for number in range(1, 120)]
        for copy in (path, root / "build" / "lib" / path.relative_to(root), root / ".venv" / "lib" / path.name):
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text("\n".join(texts) + "\n", "utf-8")
        other = root / "other" / path.name
        other.parent.mkdir(exist_ok=True)
        other.write_text("unrelated = 1\n" * 120, "utf-8")
    return right


def changed_file(described: dict[str, Any], root: Path) -> tuple[Path, int]:
    """The file that an editor's picture shows, and the line of it that is changed, in the middle of what is shown."""
    name = next(item["a"] for item in described["qa"] if "open file" in item["q"])
    lines = ["# before"] * 3 + described["text"].splitlines()
    telling = [number for number, line in enumerate(lines) if len(line.strip()) > 12]
    changed = telling[len(telling) // 2]
    lines[changed] += CHANGED
    path = root / "package" / name
    path.parent.mkdir()
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path, changed


async def compare(described: dict[str, Any], assistant: Assistant) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        path, changed = changed_file(described, Path(folder))
        began = time.perf_counter()
        places = await assistant.look(SCREENSHOTS / described["image"], [Path(folder)])
        differing = [one.line for each in places.alignments for one in each.differences]
        return {
            "set": SET_OF_EDITORS,
            "located": [each.path for each in places.alignments] == [path],
            "differs": differing == [changed],
            "s": time.perf_counter() - began,
        }


def local(printed: str) -> PurePosixPath:
    """Below the project's folder, which lies elsewhere here."""
    path = printed.replace("\\", "/")
    path = re.sub(r"^(?:[A-Z]:)?/(?:home/dev/[^/]+|work/[^/]+|srv/[^/]+|app|usr)/", "", path)
    return PurePosixPath(path.lstrip("/"))


async def measure(case: Case, assistant: Assistant, silent: Assistant, ask: bool) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "checkout"
        root.mkdir()
        right = workspace(case, root)
        began = time.perf_counter()
        places = await assistant.look(case.picture, [root])
        first = places.locations[0] if places.locations else None
        located = first is not None and (first.path, first.range.start.line + 1) == (right, case.line)
        row: dict[str, object] = {"set": case.set, "located": located, "s": time.perf_counter() - began}
        words = (case.exception, right.name, str(case.line))
        said = (await silent.ask(Question(QUESTION, images=(case.picture,), roots=(root,)))).text
        row["without_model"] = all(word in said for word in words)
        if not located:
            row["found"] = [f"{one.path.relative_to(root)}:{one.range.start.line + 1}" for one in places.locations[:3]]
        if ask:
            began = time.perf_counter()
            answer = await assistant.ask(Question(QUESTION, images=(case.picture,), roots=(root,)))
            model, _, _ = answer.text.partition("\n\n→")
            row["named"] = all(word in answer.text for word in words)
            row["by_model"] = all(word in model for word in words)
            row["ask_s"] = time.perf_counter() - began
            row["answer"] = answer.text
        return row


def truth(kind: str) -> Iterator[dict[str, Any]]:
    for row in (SCREENSHOTS / "truth.jsonl").read_text("utf-8").splitlines():
        described = json.loads(row)
        if described["kind"] == kind:
            yield described


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ask", action="store_true", help="ask the chat model too")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so many, to go on another time")
    parser.add_argument("--again", action="store_true", help="forget what was measured before")
    chosen = parser.parse_args()
    stored = RESULTS / "grounding.json"
    rows = {} if chosen.again or not stored.exists() else json.loads(stored.read_text("utf-8"))
    settings, _ = config.load()
    settings = replace(settings, memory=MemorySettings(enabled=False))
    with tempfile.TemporaryDirectory() as folder:
        cases = [*dataset(Path(folder)), *tools(Path(folder))]
        asyncio.run(run(cases, rows, settings, chosen))
    report(rows, settings)


async def run(
    cases: list[Case], rows: dict[str, dict[str, object]], settings: config.Settings, chosen: argparse.Namespace
) -> None:
    assistant = open_assistant(settings)
    says_nothing = ScriptedEngine([Rule("", "I do not know.")], (settings.chat.model,))
    silent = Assistant(settings, says_nothing, Reader(settings.perception))
    began = time.monotonic()
    try:
        for case in cases:
            known = rows.get(case.name, {})
            done = ("named" if chosen.ask else "without_model") in known
            if not done and time.monotonic() - began < chosen.seconds:
                rows[case.name] = known | await measure(case, assistant, silent, chosen.ask)
                store(rows)
                print(case.name, {key: value for key, value in rows[case.name].items() if key != "answer"}, flush=True)
        for described in truth("editor"):
            if described["image"] not in rows and time.monotonic() - began < chosen.seconds:
                rows[described["image"]] = await compare(described, assistant)
                store(rows)
    finally:
        await assistant.close()
        await silent.close()


def store(rows: dict[str, dict[str, object]]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "grounding.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")


def report(rows: dict[str, dict[str, object]], settings: config.Settings) -> None:
    def share(group: list[dict[str, object]], key: str) -> str:
        values = [float(bool(row[key])) for row in group if key in row]
        return f"{statistics.mean(values):.3f} of {len(values)}" if values else ""

    def median(group: list[dict[str, object]], key: str) -> str:
        values = [float(str(row[key])) for row in group if key in row]
        return f"{statistics.median(values):.1f}" if values else ""

    lines = [
        f"`ask` with {settings.chat.model}, at most {settings.chat.max_tokens} tokens: “{QUESTION}”",
        "An answer is completed with what was worked out from the picture, where the model leaves it out.",
        "",
        "| pictures | file and line found | s | changed line told | exception, file, line are named by an answer "
        "| by the model alone | by what completes it alone | s |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in (SET_OF_DATA, SET_OF_TOOLS, SET_OF_EDITORS):
        group = [row for row in rows.values() if row["set"] == name]
        cells = [name, share(group, "located"), median(group, "s"), share(group, "differs")]
        cells += [
            share(group, "named"),
            share(group, "by_model"),
            share(group, "without_model"),
            median(group, "ask_s"),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    text = "\n".join(lines) + "\n"
    print(text)
    (RESULTS / "grounding.md").write_text(text, "utf-8")


if __name__ == "__main__":
    main()

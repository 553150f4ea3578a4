"""Make pictures to measure reading on: editors and terminals that a browser draws, with what they say.

    python bench/pictures.py OUT [--count 40] [--seed 1] [--fonts DIR] [--code DIR…]

Needs Chromium and Pygments, and source code of many languages below the folders of `--code`. Writes
OUT/screenshots/*.png and truth.jsonl as `bench/sight.py --data OUT` reads them. Sizes, fonts, themes, line heights,
tabs, side bars, selections, blame, squiggles, ligatures, two panes and lines cut by scrolling are drawn by chance.
"""

from __future__ import annotations

import argparse
import html
import json
import random
import shutil
import subprocess
import tempfile
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import cv2
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound
from scenery import CHINESE, COMMANDS, DIALOGS, FONTS, OUTPUTS, PROMPTS, SIDES, THEMES

SUFFIXES = {
    ".py",
    ".ts",
    ".js",
    ".c",
    ".h",
    ".cpp",
    ".rs",
    ".go",
    ".java",
    ".kt",
    ".rb",
    ".php",
    ".sh",
    ".css",
    ".json",
    ".yml",
    ".md",
    ".pl",
    ".sql",
    ".lua",
    ".swift",
}
SLOT = 1400  # pixels of the page that one picture gets at most


@dataclass(frozen=True)
class Shot:
    name: str
    kind: str
    markup: str
    width: int
    height: int
    text: str
    questions: list[dict[str, object]] = field(default_factory=list)
    # Whether numbers tell where the margin is.
    marked: bool = True


def sources(folders: list[Path], chance: random.Random) -> list[tuple[str, list[str]]]:
    by_suffix: dict[str, list[Path]] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if (
                path.suffix in SUFFIXES
                and not {"unicore", "Collate"} & set(path.parts)
                and path.is_file()
                and 800 < path.stat().st_size < 100_000
            ):
                by_suffix.setdefault(path.suffix, []).append(path)
    found = []
    for paths in by_suffix.values():
        for path in chance.sample(paths, min(40, len(paths))):
            try:
                lines = path.read_text("utf-8").expandtabs(chance.choice((2, 4))).splitlines()
            except UnicodeDecodeError:
                continue
            if sum(len(line) < 110 for line in lines) > 0.97 * len(lines):
                found.append((path.name, lines))
    return found


def coloured(name: str, text: str, theme: str) -> str:
    try:
        lexer = get_lexer_for_filename(name, stripnl=False)
    except ClassNotFound:
        return f"<pre>{html.escape(text)}</pre>"
    formatter = HtmlFormatter(style=theme, noclasses=True, nobackground=True)
    return str(highlight(text, lexer, formatter))


def colours(theme: str) -> tuple[str, str]:
    style = HtmlFormatter(style=theme).style
    background = style.background_color
    dark = int(background[1:3], 16) < 128 if len(background) == 7 else False
    return background, "#d8d8d8" if dark else "#222222"


def font_of(chance: random.Random, size: int) -> str:
    ligatures = "normal" if chance.random() < 0.5 else "none"
    return f"font-family:{chance.choice(FONTS)},DejaVu Sans Mono;font-size:{size}px;font-variant-ligatures:{ligatures};"


def code_pane(
    chance: random.Random,
    name: str,
    lines: list[str],
    rows: int,
    theme: str,
    numbered: bool,
    dirty: bool,
    within: int | None = None,
) -> tuple[str, str, int, int]:
    """Markup of a pane, the lines that are whole in it, of at most `within` pixels, and its size in pixels."""
    size = chance.choice((11, 12, 13, 13, 14, 14, 15, 16, 18))
    height = round(size * chance.choice((1.2, 1.35, 1.5, 1.6)))
    _, foreground = colours(theme)
    start = chance.randrange(max(1, len(lines) - rows))
    shown = [line.rstrip() for line in lines[start : start + rows]]
    if dirty and chance.random() < 0.3:
        at = chance.randrange(len(shown))
        indent = len(shown[at]) - len(shown[at].lstrip())
        shown[at] = " " * indent + chance.choice(CHINESE)
    body = coloured(name, "\n".join(shown) + "\n", theme)
    cut = chance.random() < 0.25
    shift = -round(height * chance.uniform(0.3, 0.7)) if cut else 0
    marks = []
    written = [index for index, line in enumerate(shown) if line.strip()]
    if dirty and written:
        if chance.random() < 0.5:
            at = chance.choice(written)
            marks.append(
                f"<div style='position:absolute;left:0;right:0;top:{at * height}px;height:{height}px;background:#8883;'></div>"
            )
        if chance.random() < 0.3:
            at, count = chance.choice(written), chance.randint(1, 3)
            marks.append(
                f"<div style='position:absolute;left:0;width:{chance.randint(8, 30)}ch;top:{at * height}px;height:{height * count}px;background:#3a6ea588;'></div>"
            )
    over = []
    if dirty and written and chance.random() < 0.3:
        at = chance.choice(written)
        column = len(shown[at])
        over.append(
            f"<span style='position:absolute;left:{column + 4}ch;top:{at * height}px;color:#888c;font-style:italic;white-space:pre'>"
            f"Jane Doe, {chance.randint(2, 11)} months ago • Fix parser</span>"
        )
    if dirty and written and chance.random() < 0.3:
        at = chance.choice(written)
        line = shown[at]
        column = len(line) - len(line.lstrip())
        over.append(
            f"<span style='position:absolute;left:{column}ch;top:{at * height}px;width:{min(8, len(line) - column)}ch;height:{height - 1}px;border-bottom:2px dotted #e33'></span>"
        )
    if dirty and chance.random() < 0.35:
        over += [
            f"<span style='position:absolute;left:{depth}ch;top:0;height:{rows * height}px;border-left:1px solid #8883'></span>"
            for depth in (4, 8)
        ]
    numbers = ""
    if numbered:
        first = start + 1
        digits = len(str(first + rows))
        numbers = (
            f"<pre style='margin:0;padding:0 {chance.choice((10, 14, 22))}px 0 {chance.choice((8, 16, 30))}px;color:#858585;text-align:right'>"
            + "\n".join(f"{first + index:>{digits}}" for index in range(len(shown)))
            + "</pre>"
        )
    markup = (
        f"<div style='position:relative;top:{shift}px;display:flex;{font_of(chance, size)}line-height:{height}px;color:{foreground}'>{numbers}"
        f"<div style='position:relative;flex:1;padding-left:{0 if numbered else 12}px'><div style='position:absolute;inset:0;z-index:0'>{''.join(marks)}</div>"
        f"<div style='position:relative;z-index:1' class=code>{body}{''.join(over)}</div></div></div>"
    )
    whole = shown[1:-1] if cut else shown
    if within is not None:
        whole = whole[: max(0, (within - shift) // height - (1 if cut else 0))]
    if not numbered:
        # Two panes are indented each from its own leftmost line.
        whole = textwrap.dedent("\n".join(whole)).splitlines()
    width = round(max(len(line) for line in shown) * 0.63 * size) + 110
    return markup, "\n".join(whole), width, rows * height + (shift if cut else 6) - (round(height * 0.6) if cut else 0)


def editor(chance: random.Random, number: int, files: list[tuple[str, list[str]]]) -> Shot:
    name, lines = chance.choice(files)
    theme = chance.choice(THEMES)
    background, foreground = colours(theme)
    rows = chance.randint(8, 34)
    numbered, dirty = chance.random() < 0.65, chance.random() < 0.7
    pane, text, needed, height = code_pane(chance, name, lines, rows, theme, numbered, dirty)
    width = max(needed, chance.choice((560, 760, 900)))
    side = chance.choice(SIDES)
    parts = []
    top = 0
    dark = foreground == "#d8d8d8"
    bar = "#3337" if dark else "#ddd7"
    if chance.random() < 0.7:
        others = "".join(
            f"<span style='padding:8px 14px;opacity:.6'>{html.escape(chance.choice(files)[0])}</span>"
            for _ in range(chance.randint(0, 2))
        )
        parts.append(
            f"<div style='height:34px;display:flex;align-items:center;background:{bar};font:13px {side};color:{foreground};white-space:pre;overflow:hidden'>"
            f"<span style='padding:8px 14px;background:{background}'>{html.escape(name)}  ×</span>{others}</div>"
        )
        top += 34
    body = f"<div style='height:{height}px;overflow:hidden;background:{background};flex:1;min-width:0'>{pane}</div>"
    if chance.random() < 0.15:
        entries = "".join(
            f"<div style='padding:3px 18px'>{html.escape(chance.choice(files)[0])}</div>"
            for _ in range(min(9, rows // 2))
        )
        body = (
            f"<div style='width:190px;height:{height}px;overflow:hidden;background:{bar};font:13px {side};color:{foreground};white-space:pre'>{entries}</div>"
            + body
        )
        width += 190
    if chance.random() < 0.15 and width <= 1100:
        other = chance.choice(files)
        second, more, beside, _ = code_pane(chance, *other, rows, theme, numbered, False, within=height)
        body += f"<div style='width:{beside}px;height:{height}px;overflow:hidden;background:{background};border-left:1px solid #8888'>{second}</div>"
        text += "\n\n" + more
        width += beside + 1
    parts.append(f"<div style='display:flex;background:{background}'>{body}</div>")
    if chance.random() < 0.6:
        colour = chance.choice(("#007acc", "#68217a", "#333", "#21252b"))
        parts.append(
            f"<div style='height:22px;background:{colour};color:#eee;font:12px {side};line-height:22px;padding:0 10px;white-space:pre'>"
            f"main   Ln {chance.randint(1, 300)}, Col {chance.randint(1, 60)}    Spaces: 4    UTF-8    LF</div>"
        )
        top += 22
    return Shot(f"editor_{number:03d}.png", "editor", "".join(parts), width, height + top, text, marked=numbered)


def terminal(chance: random.Random, number: int) -> Shot:
    prompt = chance.choice(PROMPTS)
    lines = []
    for command, output in chance.sample(COMMANDS, chance.randint(1, 3)):
        lines += [prompt + command, *output.splitlines()]
    lines += [
        prompt + chance.choice(("cargo build", "make", "npx tsc", "go run .", "node src/main.js")),
        *chance.choice(OUTPUTS).expandtabs(8).splitlines(),
        prompt.rstrip(),
    ]
    dark = chance.random() < 0.75
    background = chance.choice(
        ("#1e1e1e", "#300a24", "#0c0c0c", "#282c34", "#002b36") if dark else ("#ffffff", "#fdf6e3")
    )
    palette = (
        ("#e0e0e0", "#ff5c57", "#5af78e", "#57c7ff", "#f3f99d")
        if dark
        else ("#222", "#b00020", "#00695c", "#1a3fbf", "#7a5c00")
    )
    size = chance.choice((12, 13, 14, 15, 16, 18))
    height = round(size * chance.choice((1.15, 1.25, 1.4)))
    rows = "".join(
        f"<div style='height:{height}px;color:{palette[0] if chance.random() < 0.7 else chance.choice(palette)};{'font-weight:bold;' if chance.random() < 0.1 else ''}'>{html.escape(line)}</div>"
        for line in lines
    )
    pad = chance.choice((2, 8, 14))
    width = max(chance.choice((640, 800, 900)), round(max(map(len, lines)) * 0.63 * size) + 2 * pad + 8)
    head = ""
    top = 0
    if chance.random() < 0.5:
        head = f"<div style='height:28px;background:#444;color:#ddd;font:13px {chance.choice(SIDES)};line-height:28px;text-align:center'>dev@host: ~/app</div>"
        top = 28
    markup = f"{head}<div style='background:{background};padding:{pad}px;white-space:pre;{font_of(chance, size)}line-height:{height}px'>{rows}</div>"
    return Shot(
        f"terminal_{number:03d}.png", "terminal", markup, width, top + 2 * pad + height * len(lines), "\n".join(lines)
    )


def dialog(chance: random.Random, number: int) -> Shot:
    title, message, buttons = chance.choice(DIALOGS)
    dark = chance.random() < 0.4
    background, foreground, bar = ("#2d2d30", "#e6e6e6", "#1b1b1c") if dark else ("#f3f3f3", "#1a1a1a", "#ffffff")
    font, size = chance.choice(SIDES), chance.choice((13, 14, 15, 16))
    radius = chance.choice((0, 4, 8))
    border = "#777" if dark else "#bbb"
    accent = chance.choice(("#0a64d8", "#2e7d32", "#c62828"))
    shown = "".join(
        f"<span style='display:inline-block;padding:6px 18px;margin-left:10px;border:1px solid {border};border-radius:{radius}px;"
        f"{f'background:{accent};color:#fff' if index == len(buttons) - 1 and chance.random() < 0.6 else ''}'>{html.escape(text)}</span>"
        for index, text in enumerate(buttons)
    )
    icon = ""
    if chance.random() < 0.7:
        icon = f"<div style='width:36px;height:36px;border-radius:18px;background:{accent};color:#fff;font:bold 24px {font};text-align:center;line-height:36px;margin-right:16px;flex:none'>!</div>"
    backdrop = chance.choice(("#888", "#dde", "#123"))
    markup = (
        f"<div style='background:{backdrop};padding:24px;font:{size}px {font}'>"
        f"<div style='background:{background};color:{foreground};border:1px solid {border};border-radius:{radius}px;width:440px'>"
        f"<div style='background:{bar};padding:9px 14px;display:flex;justify-content:space-between'><b>{html.escape(title)}</b><span>✕</span></div>"
        f"<div style='padding:22px 18px;display:flex;align-items:center'>{icon}<div>{html.escape(message)}</div></div>"
        f"<div style='padding:12px 16px;text-align:right'>{shown}</div></div></div>"
    )
    questions = [
        {"q": "What is the title of the dialog?", "a": title},
        {"q": "Which buttons does it have?", "a": list(buttons)},
        {"q": "What does it say?", "a": message},
    ]
    return Shot(f"dialog_{number:03d}.png", "dialog", markup, 490, 230, "", questions)


def chart(chance: random.Random, number: int) -> Shot:
    title = chance.choice(
        ("Requests per second", "Build time (s)", "Memory, MB", "Coverage by module", "p99 latency, ms")
    )
    names = chance.sample(("Mon", "Tue", "Wed", "Thu", "Fri", "api", "core", "web", "cli", "db", "docs"), 5)
    step = chance.choice((5, 10, 20, 25, 100, 250))
    values = [chance.randint(1, 4 * step) for _ in names]
    dark = chance.random() < 0.3
    background, foreground = ("#1f1f24", "#ddd") if dark else ("#fff", "#333")
    font = chance.choice(SIDES)
    parts = [f"<text x=320 y=28 text-anchor=middle font-size=18>{title}</text>"]
    for tick in range(5):
        y = 340 - tick * 70
        parts.append(
            f"<line x1=60 x2=600 y1={y} y2={y} stroke='#8886'/><text x=52 y={y + 4} text-anchor=end>{tick * step}</text>"
        )
    points = []
    bars = chance.random() < 0.5
    colour = chance.choice(("#4c78a8", "#f58518", "#54a24b"))
    for index, (name, value) in enumerate(zip(names, values, strict=True)):
        x, y = 100 + index * 110, 340 - value / step * 70
        points.append(f"{x},{y:.0f}")
        parts.append(f"<text x={x} y=360 text-anchor=middle>{name}</text>")
        if bars:
            parts.append(f"<rect x={x - 30} y={y:.0f} width=60 height={340 - y:.0f} fill='{colour}'/>")
    if not bars:
        parts.append(f"<polyline points='{' '.join(points)}' fill=none stroke='{colour}' stroke-width=3 />")
    markup = f"<svg width=640 height=390 style='background:{background};font:13px {font};fill:{foreground}'>{''.join(parts)}</svg>"
    questions = [{"q": "What is the title?", "a": title}, {"q": "What stands below the axis?", "a": names}]
    return Shot(f"chart_{number:03d}.png", "chart", markup, 640, 390, "", questions)


def draw(chance: random.Random, number: int, files: list[tuple[str, list[str]]]) -> Shot:
    if number % 8 == 7:
        return (dialog if number % 16 == 7 else chart)(chance, number)
    return terminal(chance, number) if number % 3 == 2 else editor(chance, number, files)


def faces_of(folder: Path | None) -> str:
    """Style rules for the font files of `folder`, named as npm's @fontsource names them."""
    faces = ""
    for path in sorted(folder.glob("*-400-normal.ttf")) if folder else []:
        family = path.name.split("-latin")[0].replace("-", " ").title().replace("Ibm", "IBM")
        faces += f"@font-face{{font-family:'{family}';src:url('{path.resolve().as_uri()}')}}\n"
    return faces


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fonts", type=Path, help="font files that the system does not have")
    parser.add_argument(
        "--code", type=Path, nargs="+", default=[Path("/usr/include"), Path("/usr/share"), Path("editor-clients")]
    )
    chosen = parser.parse_args()
    chance = random.Random(chosen.seed)
    files = sources(chosen.code, chance)
    shots = [draw(chance, n, files) for n in range(chosen.count)]
    faces = faces_of(chosen.fonts)
    style = f"<style>{faces}body{{margin:0}}pre{{margin:0;font:inherit;line-height:inherit!important}}.code pre,.code div{{margin:0;line-height:inherit!important}}</style>"
    folder = chosen.out / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or "chrome"
    with tempfile.TemporaryDirectory() as scratch, (folder / "truth.jsonl").open("w") as truth:
        for start in range(0, len(shots), 10):
            group = shots[start : start + 10]
            boxes = "".join(
                f"<div style='position:absolute;left:0;top:{index * SLOT}px;width:{shot.width}px;height:{min(shot.height, SLOT)}px;overflow:hidden'>{shot.markup}</div>"
                for index, shot in enumerate(group)
            )
            page = Path(scratch) / "page.html"
            page.write_text(f"<!doctype html><meta charset=utf-8>{style}{boxes}", "utf-8")
            target = Path(scratch) / "page.png"
            command = [
                chromium,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                f"--screenshot={target}",
                f"--window-size=2600,{SLOT * len(group)}",
                page.as_uri(),
            ]
            subprocess.run(command, check=True, capture_output=True, timeout=120)
            whole = cv2.imread(str(target))
            for index, shot in enumerate(group):
                part = whole[index * SLOT : index * SLOT + min(shot.height, SLOT), : shot.width]
                cv2.imwrite(str(folder / shot.name), part)
                row = {
                    "kind": shot.kind,
                    "image": shot.name,
                    "size": [shot.width, shot.height],
                    "text": shot.text,
                    "qa": shot.questions,
                    "marked": shot.marked,
                }
                truth.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

"""Make pictures of real editors and terminals: Monaco (of VS Code), Ace, xterm.js, Vim, Emacs, Geany.

    npm install --prefix WEB monaco-editor ace-builds @xterm/xterm
    apt-get install xvfb xterm vim-gtk3 emacs-gtk geany imagemagick
    python bench/screens.py OUT --web WEB [--count 40] [--seed 1] [--fonts DIR] [--code DIR…] [--only monaco,vim]

Needs Chromium, too. The programs draw themselves, with what chance sets in them: theme, font, size, minimap, gutter,
white space, a selection, where the file is scrolled to. Writes OUT/screenshots/*.png and truth.jsonl as
`bench/sight.py --data OUT` reads them. The truth has the lines that are seen as a whole.
"""

from __future__ import annotations

import argparse
import atexit
import json
import math
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
from pictures import faces_of, sources
from scenery import COMMANDS, FONTS, OUTPUTS, PROMPTS

LANGUAGES = {
    ".py": "python", ".ts": "typescript", ".js": "javascript", ".c": "c", ".h": "c", ".cpp": "cpp", ".rs": "rust",
    ".go": "go", ".java": "java", ".rb": "ruby", ".php": "php", ".sh": "shell", ".css": "css", ".json": "json",
    ".yml": "yaml", ".md": "markdown", ".pl": "perl", ".sql": "sql", ".lua": "lua", ".swift": "swift",
}  # fmt: skip
# Ace names some otherwise.
ACE = {"c": "c_cpp", "cpp": "c_cpp", "go": "golang", "shell": "sh"}
ACE_THEMES = ("chrome", "dracula", "github", "monokai", "nord_dark", "one_dark", "solarized_light", "tomorrow_night")
DISPLAY = ":87"
SCREEN = (1000, 640)
Truth = dict[str, object]
PATIENCE = 6  # looks at a screen that is black


@dataclass(frozen=True)
class Code:
    name: str
    language: str
    lines: list[str]

    def seen(self, first: int, count: int, columns: int, marked: bool = True) -> Truth:
        """The lines of a window that do not reach beyond its right rim; `marked`: whether numbers or the rim of the
        window tell where the margin is.
        """
        shown = [line.rstrip() for line in self.lines[first : first + count]]
        text = "\n".join(line for line in shown if len(line) <= columns)
        return {"kind": "editor", "text": text, "marked": marked}


@dataclass(frozen=True)
class Browser:
    faces: str
    web: Path

    def shoot(self, markup: str, size: tuple[int, int], target: Path) -> None:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or "chrome"
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "page.html"
            style = f"<style>{self.faces}body{{margin:0;overflow:hidden}}</style>"
            page.write_text(f"<!doctype html><meta charset=utf-8>{style}{markup}", "utf-8")
            command = [
                *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *("--allow-file-access-from-files", "--virtual-time-budget=15000", f"--screenshot={target}"),
                *(f"--window-size={size[0]},{size[1]}", page.as_uri()),
            ]
            subprocess.run(command, check=True, capture_output=True, timeout=120)

    def script(self, path: str) -> str:
        return f"<script src='{(self.web / 'node_modules' / path).resolve().as_uri()}'></script>"


def monaco(chance: random.Random, code: Code, browser: Browser, target: Path) -> Truth:
    size, numbered = chance.choice((11, 12, 13, 14, 14, 15, 16, 18)), chance.random() < 0.85
    row = round(size * chance.choice((1.35, 1.5)))
    width, height = chance.choice((640, 800, 1000, 1200)), chance.randint(240, 640)
    first = chance.randrange(max(1, len(code.lines) - height // row))
    cut = chance.choice((0, 0, row // 2))
    minimap = width >= 800 and chance.random() < 0.5
    options = {
        "value": "\n".join(code.lines),
        "language": code.language,
        "theme": chance.choice(("vs", "vs-dark", "hc-black")),
        "fontSize": size,
        "lineHeight": row,
        "fontFamily": f"{chance.choice(FONTS)}, DejaVu Sans Mono",
        "fontLigatures": chance.random() < 0.4,
        "minimap": {"enabled": minimap},
        "stickyScroll": {"enabled": False},
        "lineNumbers": "on" if numbered else "off",
        "glyphMargin": chance.random() < 0.5,
        "folding": chance.random() < 0.7,
        "renderWhitespace": chance.choice(("none", "selection", "boundary")),
        "renderLineHighlight": chance.choice(("line", "all", "none")),
        "unicodeHighlight": {"ambiguousCharacters": False},
    }
    at = first + chance.randint(1, max(1, height // row - 2))
    loader = f"{(browser.web / 'node_modules/monaco-editor/min/vs').resolve().as_uri()}"
    selection = {"startLineNumber": at, "startColumn": 1, "endLineNumber": at + 1, "endColumn": 9}
    marked = f"e.setSelection({json.dumps(selection)});" if chance.random() < 0.25 else ""
    markup = (
        f"<div id=e style='width:{width}px;height:{height}px'></div>{browser.script('monaco-editor/min/vs/loader.js')}"
        f"<script>require.config({{paths:{{vs:{json.dumps(loader)}}}}});require(['vs/editor/editor.main'],()=>"
        "document.fonts.ready.then(()=>{"
        f"const e=monaco.editor.create(document.getElementById('e'),{_literal(options)});"
        f"e.setPosition({{lineNumber:{at + 1},column:1}});{marked}"
        f"e.setScrollTop({first * row + cut});monaco.editor.remeasureFonts()}}))</script>"
    )
    browser.shoot(markup, (width, height), target)
    whole = (height - (row - cut if cut else 0)) // row
    columns = int((width - (190 if minimap else 90)) / (size * 0.62))
    return code.seen(first + (1 if cut else 0), whole, columns, numbered)


def ace(chance: random.Random, code: Code, browser: Browser, target: Path) -> Truth:
    size, numbered = chance.choice((11, 12, 13, 14, 15, 16)), chance.random() < 0.85
    width, height = chance.choice((640, 800, 1000)), chance.randint(240, 600)
    row = round(size * chance.choice((1.3, 1.5)))
    first = chance.randrange(max(1, len(code.lines) - height // row))
    language = ACE.get(code.language, code.language)
    theme = chance.choice(ACE_THEMES)
    parts = ("ace", f"mode-{language}", f"theme-{theme}")
    scripts = "".join(browser.script(f"ace-builds/src-min-noconflict/{part}.js") for part in parts)
    options = {
        "fontSize": size,
        "fontFamily": f"{chance.choice(FONTS)}, DejaVu Sans Mono",
        "theme": f"ace/theme/{theme}",
        "mode": f"ace/mode/{language}",
        "showGutter": numbered,
        "showPrintMargin": chance.random() < 0.5,
        "displayIndentGuides": chance.random() < 0.7,
        "highlightActiveLine": chance.random() < 0.6,
        "useWorker": False,
    }
    markup = (
        f"<div id=e style='width:{width}px;height:{height}px;line-height:{row}px'></div>{scripts}<script>"
        f"document.fonts.ready.then(()=>{{const e=ace.edit('e',{_literal(options)});"
        f"e.container.style.lineHeight='{row}px';e.setValue({_literal(chr(10).join(code.lines))},-1);e.renderer.updateFontSize();"
        f"e.gotoLine({first + 3},0,false);e.session.setScrollTop({first * row})}})</script>"
    )
    browser.shoot(markup, (width, height), target)
    return code.seen(first, height // row, int((width - 70) / (size * 0.62)), numbered)


def xterm_js(chance: random.Random, code: Code, browser: Browser, target: Path) -> Truth:
    size = chance.choice((12, 13, 14, 15, 16))
    prompt, lines = chance.choice(PROMPTS), list[str]()
    for command, output in chance.sample(COMMANDS, chance.randint(1, 3)):
        lines += [prompt + command, *output.expandtabs(8).splitlines()]
    lines += [prompt + "make", *chance.choice(OUTPUTS).expandtabs(8).splitlines(), prompt.rstrip()]
    columns = max(80, *(len(line) + 1 for line in lines))
    dark = chance.random() < 0.75
    theme = {"background": "#1e1e1e", "foreground": "#cccccc"} if dark else {"background": "#fff", "foreground": "#333"}
    coloured = [f"\x1b[{chance.choice((0, 0, 0, 1, 31, 32, 34, 36))}m{line}\x1b[0m" for line in lines]
    options = {
        "fontSize": size,
        "fontFamily": f"{chance.choice(FONTS)}, DejaVu Sans Mono",
        "cols": columns,
        "rows": len(lines),
        "theme": theme,
        "lineHeight": chance.choice((1.0, 1.1, 1.2)),
        "convertEol": True,
    }
    style = (browser.web / "node_modules/@xterm/xterm/css/xterm.css").read_text("utf-8")
    markup = (
        f"<style>{style}body{{background:{theme['background']}}}</style><div id=t></div>"
        f"{browser.script('@xterm/xterm/lib/xterm.js')}<script>document.fonts.ready.then(()=>{{"
        f"const t=new Terminal({_literal(options)});t.open(document.getElementById('t'));"
        f"t.write({_literal(chr(10).join(coloured))})}})</script>"
    )
    size_of_page = (round(columns * size * 0.63) + 10, math.ceil(len(lines) * size * 1.55))
    browser.shoot(markup, size_of_page, target)
    return {"kind": "terminal", "text": "\n".join(lines)}


def vim(chance: random.Random, code: Code, browser: Browser, target: Path) -> Truth:
    numbered, rows = chance.random() < 0.7, chance.randint(16, 32)
    first = chance.randrange(max(1, len(code.lines) - rows))
    scheme = chance.choice(("default", "desert", "industry", "slate", "morning", "koehler"))
    commands = [f"colorscheme {scheme}", "syntax on", "set nowrap laststatus=2 nofoldenable", f"normal! {first + 1}Gzt"]
    commands += ["set number"] if numbered else []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / code.name
        file.write_text("\n".join(code.lines) + "\n", "utf-8")
        colours = ("-bg", "black", "-fg", "grey90") if chance.random() < 0.6 else ("-bg", "white", "-fg", "black")
        font = ("-fa", chance.choice(("Hack", "DejaVu Sans Mono", "Liberation Mono", "Inconsolata", "JetBrains Mono")))
        # Not the colour of the paper, as some schemes of Vim make it: nobody could read the letter under the cursor.
        colours = (*colours, "-cr", "orange")
        window = ["xterm", *font, "-fs", str(chance.choice((9, 10, 11, 12))), *colours, "-geometry", f"100x{rows}+0+0"]
        arguments = [part for command in commands for part in ("-c", command)]
        _photograph([*window, "-e", "vim", "-u", "NONE", "-n", "-i", "NONE", *arguments, str(file)], target)
    return code.seen(first, rows - 2, 92)


def emacs(chance: random.Random, code: Code, browser: Browser, target: Path) -> Truth:
    numbered, rows = chance.random() < 0.7, 24
    first = chance.randrange(max(1, len(code.lines) - rows))
    theme = chance.choice(("adwaita", "tango", "tango-dark", "wombat", "misterioso", "leuven"))
    font = chance.choice(("Hack", "DejaVu Sans Mono", "Inconsolata", "Fira Code", "Liberation Mono"))
    font += f"-{chance.choice((9, 10, 11))}"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / code.name
        file.write_text("\n".join(code.lines) + "\n", "utf-8")
        setting = f"(load-theme '{theme} t) (tool-bar-mode -1) (setq-default truncate-lines t) (blink-cursor-mode -1)"
        setting += " (global-display-line-numbers-mode 1)" if numbered else ""
        place = f"(goto-char (point-min)) (forward-line {first}) (redisplay) (recenter 0)"
        hook = f'(lambda () {setting} (find-file "{file}") {place})'
        window = ["emacs", "-Q", "-fn", font, "-g", f"100x{rows}+0+0"]
        _photograph([*window, "--eval", f"(add-hook 'emacs-startup-hook {hook})"], target, 6.0)
    return code.seen(first, rows - 3, 90)


def geany(chance: random.Random, code: Code, browser: Browser, target: Path) -> Truth:
    first = chance.randrange(max(1, len(code.lines) - 18))
    lines = code.lines[first : first + 18]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / code.name
        file.write_text("\n".join(lines) + "\n", "utf-8")
        _photograph(["geany", "-c", folder, "-n", "-p", "-t", "-i", "-m", str(file)], target, 4.0)
    return Code(code.name, code.language, lines).seen(0, 18, 90)


def _photograph(command: list[str], target: Path, wait_s: float = 2.0) -> None:
    """Of the virtual screen, while the program runs and has drawn something, `wait_s` seconds after it began.

    No program says when it has drawn. RuntimeError where it never does: a black picture would count as misread.
    """
    environment = {**os.environ, "DISPLAY": DISPLAY, "LC_ALL": "C.UTF-8"}
    program = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(PATIENCE):
            time.sleep(wait_s)
            subprocess.run(["import", "-window", "root", str(target)], env=environment, check=True, timeout=30)
            if cv2.imread(str(target)).any():
                return
        raise RuntimeError(
            f"{command[0]} has drawn nothing in {PATIENCE * wait_s:.0f} s: is it installed, with its fonts?"
        )
    finally:
        program.kill()
        program.wait()


def _literal(value: object) -> str:
    """As JavaScript within a page."""
    return json.dumps(value).replace("</", "<\\/")


PROGRAMS: dict[str, Callable[[random.Random, Code, Browser, Path], Truth]] = {
    "monaco": monaco,
    "ace": ace,
    "xterm.js": xterm_js,
    "vim": vim,
    "emacs": emacs,
    "geany": geany,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--web", type=Path, required=True, help="where npm installed the editors")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(PROGRAMS))
    parser.add_argument("--fonts", type=Path, help="font files that the system does not have")
    parser.add_argument("--code", type=Path, nargs="+", default=[Path("/usr/include"), Path("/usr/share")])
    chosen = parser.parse_args()
    chance = random.Random(chosen.seed)
    files = [(name, lines) for name, lines in sources(chosen.code, chance) if Path(name).suffix in LANGUAGES]
    if not files:
        parser.error(f"no code in {', '.join(map(str, chosen.code))}: name folders that hold some with --code")
    folder = chosen.out / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    browser = Browser(faces_of(chosen.fonts), chosen.web)
    names = chosen.only.split(",")
    size = f"{SCREEN[0]}x{SCREEN[1]}x24"
    screen = subprocess.Popen(["Xvfb", DISPLAY, "-screen", "0", size], stderr=subprocess.DEVNULL)
    atexit.register(screen.kill)
    time.sleep(1)
    with (folder / "truth.jsonl").open("w") as truth:
        for number in range(chosen.count):
            name, lines = chance.choice(files)
            code = Code(name, LANGUAGES[Path(name).suffix], lines)
            program = names[number % len(names)]
            target = folder / f"{program}_{number:03d}.png"
            seen = PROGRAMS[program](chance, code, browser, target)
            height, width = cv2.imread(str(target)).shape[:2]
            row = {**seen, "image": target.name, "size": [width, height], "qa": []}
            truth.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

"""Set lines of code in type as editors and terminals show them: any font, colour, size and damage, by chance."""

from __future__ import annotations

import io
import random
import re
import string
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

from mmcore.perception import cells

COLUMNS = 32
INDEX = {character: index for index, character in enumerate(cells.CHARACTERS)}
FALLBACK, CHINESE = "DejaVuSansMono.ttf", "NotoSansCJK-Regular.ttc"
SUFFIXES = {
    ".py",
    ".js",
    ".ts",
    ".c",
    ".h",
    ".cpp",
    ".rs",
    ".go",
    ".java",
    ".sh",
    ".md",
    ".json",
    ".css",
    ".html",
    ".pl",
    ".txt",
}
# Families with dozens of weights would outweigh the others.
LEFT_OUT = ["thin", "ultra", "wide", "extended", "extra", "condensed", "semi", "narrow", "noloopk", "sign"]
# What is taken for one another.
CONFUSED = [
    "O0oQDC",
    "l1I|!i",
    "`'\",.;:",
    "‘’'`",
    "‘’'",
    '“”"',
    ">›<‹",
    "C({[<",
    "vVyYxX",
    "{i}l",
    "\\|/",
    "-_~=^",
    "([{<>}])",
    "S5s8B3",
    "Z2z7?",
    "uvVUwW",
    "rnmh",
    "/\\|",
    "gq9y",
    "^~=-_",
    "cCeEoO",
    "*+x×",
    "0123456789",
    "0123456789abcdef",
    "][|lI1",
    "O0",
    "l1I",
    "`'",
    ",.",
    ":;",
    "{(",
    "})",
    "-_",
    "vV",
    "wW",
    "sS",
    "oO",
    "cC",
    "xX",
    "zZ",
    "kK",
    "pP",
    "uU",
]
LIKE = {character: group for group in ("O0", "l1I", "oO", "sS", "vV", "xX") for character in group}
# What fonts for code draw as one.
JOINED = [
    "!=",
    "==",
    "===",
    "!==",
    "<=",
    ">=",
    "->",
    "=>",
    "&&",
    "||",
    "::",
    "++",
    "--",
    "//",
    "/*",
    "*/",
    "...",
    "<-",
    "|>",
    "<>",
    "?.",
    "??",
    "**",
    ":=",
    "+=",
    "-=",
    "*=",
    "<<=",
    ">>",
    "<<",
    "<!--",
    "-->",
    "=~",
    "..",
    "##",
    "###",
    "__",
    "www",
]
DRAWN = ["═", "=", "-", "_", "^", "~", "*", "#", ".", "F", "─", "━", "│", "+", "█", "░", "|", "x", ">"]


class Fonts:
    def __init__(self, folders: list[str], held_out: str) -> None:
        families: dict[str, list[str]] = {}
        self.known: dict[str, set[str]] = {}
        for path in sorted(path for folder in folders for path in Path(folder).rglob("*")):
            name = path.name.lower()
            if path.suffix.lower() not in (".ttf", ".otf") or any(part in name for part in held_out.split(",") if part):
                continue
            try:
                font = TTFont(str(path), lazy=True)
                letters = font.getBestCmap()
                widths = {font["hmtx"][letters[ord(character)]][0] for character in "iWm.0"}
            except Exception as error:
                print(path, error)
                continue
            complete = set(range(33, 127)) <= set(letters)
            if len(widths) == 1 and complete and not any(word in name for word in LEFT_OUT):
                families.setdefault(path.name.split("-")[0].split(" ")[0], []).append(str(path))
                self.known[str(path)] = set(map(chr, letters))
        self.families = sorted(families.values())
        print(len(self.families), "families", len(self.known), "fonts", flush=True)

    def choose(self) -> str:
        family = random.choice(self.families)
        plain = [path for path in family if "egular" in path or "400-normal" in path]
        return random.choice(plain if plain and random.random() < 0.45 else family)


@lru_cache(400)
def font_at(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


class Texts:
    def __init__(self, folders: list[str]) -> None:
        paths = [path for folder in folders for path in Path(folder).rglob("*") if path.suffix in SUFFIXES]
        random.Random(0).shuffle(paths)
        self.lines: list[str] = []
        counts: dict[str, int] = {}
        for path in paths:
            counts[path.suffix] = counts.get(path.suffix, 0) + 1
            if counts[path.suffix] <= 250 and path.is_file():
                text = path.read_text("utf-8", errors="ignore")[:40_000]
                lines = [line.expandtabs(4).rstrip() for line in text.splitlines()]
                self.lines += [line for line in lines if len(line.strip()) > 3 and len(line) < 400]
        print(len(paths), "files", len(self.lines), "lines", flush=True)

    def choose(self) -> str:
        kind = random.random()
        if kind < 0.5:
            line = random.choice(self.lines)
            start = random.randrange(max(1, len(line) - COLUMNS + 8))
            text = line[start : start + COLUMNS]
            if random.random() < 0.12:
                text = text.upper()
            if random.random() < 0.15:
                # So that the shape decides, and not what stands around it.
                text = "".join(random.choice(LIKE.get(character, character)) for character in text)
            if random.random() < 0.12:
                # As compilers quote.
                text = re.sub("""['"`]([^'"`]+)['"`]""", random.choice((r"‘\1’", r"‘\1’", r"“\1”", r"`\1'")), text)
        elif kind < 0.72:
            text = "".join(random.choice(string.printable[:94]) for _ in range(COLUMNS))
            if random.random() < 0.5:
                text = "".join(c if random.random() < 0.7 else " " for c in text)
        elif kind < 0.84:
            pool = random.choice(CONFUSED)
            other = random.choice([string.ascii_letters, pool, string.digits + "_", " "])
            text = "".join(random.choice(pool if random.random() < 0.6 else other) for _ in range(COLUMNS))
        elif kind < 0.89:
            text = ""
            while len(text) < COLUMNS:
                text += random.choice([*DRAWN, " "]) * random.randint(1, 24)
                text += random.choice(["", " ", " FAILURES ", "[100%]", " E ", "[ 50%]"])
        elif kind < 0.93:
            signs = [
                random.choice(JOINED) if random.random() < 0.5 else random.choice(("a", "x1", "(", ")", "i", "n", " "))
                for _ in range(COLUMNS)
            ]
            text = random.choice((" ", " ", "")).join(signs)
        elif kind < 0.97:
            marks = [
                random.choice(cells.SYMBOLS) if random.random() < 0.35 else random.choice("abc xyz 0 ./")
                for _ in range(COLUMNS)
            ]
            text = "".join(marks)
        else:
            foreign = "éüñßæøåçäöáíóπσδабвгдежзАБВГДöÄ"
            text = "".join(random.choice(foreign if random.random() < 0.3 else "abcde fgh") for _ in range(COLUMNS))
        return text[:COLUMNS].ljust(COLUMNS)


def chinese() -> str:
    return (
        chr(random.randrange(0x4E00, 0x9F00))
        if random.random() < 0.8
        else random.choice("のをはがアイエ한국어（），。：")
    )


def render(fonts: Fonts, texts: Texts) -> tuple[np.ndarray, np.ndarray]:
    """A row as `cells.strip` cuts it, of 8 bits a pixel, and the class of every cell."""
    path = fonts.choose()
    text = list(texts.choose())
    if random.random() < 0.04:
        for _ in range(random.randint(1, 8)):
            at = random.randrange(COLUMNS - 1)
            text[at : at + 2] = [chinese(), ""]
    size = random.choice((10, 11, 12, 12, 13, 13, 14, 14, 15, 16, 16, 17, 18, 20, 22, 24, 28, 34))
    over = 1 if random.random() < 0.45 else random.choice((3, 4))
    font = font_at(path, size * over)
    pitch = font.getlength("0" * 40) / 40
    if over == 1 and random.random() < 0.6:
        # Terminals and many editors set every cell on a whole pixel.
        pitch = float(max(4, round(pitch + random.choice((-0.3, 0, 0, 0.3)))))
        snapped = True
    else:
        snapped = False
    before, after = random.randint(1, 4), 1
    width, height = int((COLUMNS + before + after + 1) * pitch), int(size * over * 2.6)
    x = before * pitch + (0.0 if snapped else random.random() * over)
    if snapped:
        x = float(round(x))
    baseline = round(height * 0.62) + (random.randrange(over) if over > 1 else 0)
    picture = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(picture)
    if over == 1 and random.random() < 0.08:
        draw.fontmode = "1"
    known = fonts.known[path]
    plain = "".join(c if c in known and ord(c) < 0x3000 else " " for c in (c or " " for c in text))
    features = None if random.random() < 0.35 and not snapped else ["-calt", "-liga", "-clig", "-dlig"]
    if snapped:
        for column, character in enumerate(plain):
            if character != " ":
                draw.text((x + column * pitch, baseline), character, 255, font=font, anchor="ls", features=features)
    else:
        draw.text((x, baseline), plain, 255, font=font, anchor="ls", features=features)
    if random.random() < 0.25 and before > 1:
        # What stands to the left of a row must not matter.
        where = (x - pitch * random.uniform(1, 1.6), baseline)
        draw.text(where, random.choice("0123456789"), random.randint(90, 255), font=font, anchor="ls")
    for column, character in enumerate(text):
        if not character or character == " " or plain[column] != " ":
            continue
        wide = ord(character) >= 0x3000
        fallback = font_at(CHINESE, size * over) if wide else font_at(FALLBACK, max(4, round(pitch / 0.602)))
        draw.text((x + column * pitch, baseline), character, 255, font=fallback, anchor="ls")
    array = np.asarray(picture, np.float32) / 255
    if random.random() < 0.08:
        # Browsers slant fonts that have no italics.
        slant = random.uniform(0.15, 0.3)
        matrix = np.array([[1, -slant, slant * (baseline - 0.35 * pitch)], [0, 1, 0]])
        array = cv2.warpAffine(array, matrix, (width, height))
    if over > 1:
        array = cv2.resize(array, (round(width / over), round(height / over)), interpolation=cv2.INTER_AREA)
        across, down = width / array.shape[1], height / array.shape[0]
        x, pitch, baseline = x / across, pitch / across, baseline / down
    array = _coloured(array, x, pitch)
    array = _weathered(array, x, baseline, pitch)
    if random.random() < 0.2:
        factor = max(random.uniform(0.75, 2.0), 6.0 / pitch)
        method = random.choice((cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC))
        resized = cv2.resize(array, None, fx=factor, fy=factor, interpolation=method)
        across, down = resized.shape[1] / array.shape[1], resized.shape[0] / array.shape[0]
        x, pitch, baseline = x * across, pitch * across, baseline * down
        array = np.clip(resized, 0, 1)
    if random.random() < 0.12:
        array = _jpeg(array)
    if random.random() < 0.4:
        array = array + np.random.normal(0, random.choice((0.004, 0.01, 0.02)), array.shape).astype(np.float32)
    # How well the grid is found: a shift of the whole row, a pitch that is slightly wrong, letters off their line.
    left = x + np.clip(random.gauss(0, 0.06), -0.16, 0.16) * pitch
    wrong = pitch * (1 + np.clip(random.gauss(0, 0.0008), -0.003, 0.003))
    stands = baseline + np.clip(random.gauss(0, 0.07), -0.22, 0.22) * pitch
    row = cells.strip(np.abs(array).astype(np.float32), left, stands, wrong, COLUMNS)
    labels = [_label(character) for character in text]
    for column in range(1, COLUMNS):
        if text[column] == "":
            labels[column] = INDEX[cells.WIDE]
    return np.rint(row * 255).astype(np.uint8), np.array(labels[:COLUMNS], np.int64)


def _label(character: str) -> int:
    if character in INDEX:
        return INDEX[character]
    return INDEX[cells.WIDE] if character and ord(character) >= 0x2E80 else INDEX[cells.OTHER]


def _coloured(array: np.ndarray, x: float, pitch: float) -> np.ndarray:
    """Tokens of different contrast, curves of different rasterisers, the smear of coloured subpixels."""
    level = random.uniform(0.25, 1.0)
    contrast = np.full(array.shape[1] + 1, level, np.float32)
    if random.random() < 0.6:
        edges = np.floor((np.arange(array.shape[1] + 1) - x) / pitch).astype(int)
        same = random.choice((0.0, 0.6, 0.8))
        levels = {}
        for edge in range(int(edges.min()), int(edges.max()) + 1):
            level = level if random.random() < same else random.uniform(0.25, 1.0)
            levels[edge] = level
        contrast = np.array([levels[edge] for edge in edges.tolist()], np.float32)
    array = array ** random.choice((1.0, 1.0, random.uniform(0.6, 1.6)))
    if random.random() < 0.25:
        array = (
            cv2.blur(array, (3, 1))
            if random.random() < 0.5
            else cv2.GaussianBlur(array, (0, 0), random.uniform(0.3, 0.7))
        )
    return array * contrast[None, :-1]


def _weathered(array: np.ndarray, x: float, baseline: float, pitch: float) -> np.ndarray:
    """Underlines, squiggles, cursors, edges of selections, indent guides, neighbouring lines."""
    height, width = array.shape
    if random.random() < 0.06:
        start = random.randrange(width)
        y = min(height - 2, round(baseline + pitch * random.uniform(0.2, 0.45)))
        stop = min(width, start + int(random.randint(2, 12) * pitch))
        if random.random() < 0.5:
            array[y, start:stop] = np.maximum(array[y, start:stop], random.uniform(0.3, 1))
        else:
            columns = np.arange(start, stop)
            rows = np.minimum(height - 1, y - 1 + np.rint(np.abs(columns % 6 - 3) / 1.5).astype(int))
            array[rows, columns] = random.uniform(0.4, 0.9)
    if random.random() < 0.04:
        column = min(width - 2, max(0, round(x + random.randrange(COLUMNS) * pitch)))
        array[round(height * 0.2) : round(height * 0.8), column : column + random.choice((1, 2))] = random.uniform(
            0.2, 1
        )
    if random.random() < 0.04:
        column = min(width - 1, max(0, round(x + 4 * random.randrange(8) * pitch)))
        array[:, column] = np.maximum(array[:, column], random.uniform(0.06, 0.2))
    if random.random() < 0.5:
        # The rows above and below show at the rims.
        gap = pitch * random.uniform(2.0, 3.2)
        for sign in (-1, 1):
            shift = round(sign * gap)
            moved = np.roll(np.roll(array, shift, 0), int(random.randrange(width)), 1)
            if shift < 0:
                moved[max(0, round(baseline - pitch * 1.45)) :] = 0
            else:
                moved[: min(height, round(baseline + pitch * 0.5))] = 0
            array = np.maximum(array, moved)
    if random.random() < 0.1:
        start = round(x + random.randrange(-2, COLUMNS) * pitch)
        array[:, max(0, start) :] += random.uniform(0.01, 0.05)
    return array


def _jpeg(array: np.ndarray) -> np.ndarray:
    dark = random.random() < 0.5
    shown = array if dark else 1 - array
    buffer = io.BytesIO()
    Image.fromarray((np.clip(shown, 0, 1) * 255).astype(np.uint8)).save(buffer, "JPEG", quality=random.randint(55, 95))
    decoded = np.asarray(Image.open(buffer), np.float32) / 255
    return decoded if dark else 1 - decoded

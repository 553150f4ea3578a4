"""Train `mmcore/perception/cells.onnx`, the network that reads monospaced text, from rendered lines of code.

    python bench/train_cells.py --fonts DIR… --text DIR… --seconds 1500 --checkpoint cells.pt
    python bench/train_cells.py --checkpoint cells.pt --export mmcore/perception/cells.onnx

Needs torch, onnx, fonttools and Pillow; nothing else in the project needs this file to run.
"""

from __future__ import annotations

import argparse
import io
import random
import string
import time
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont
from torch import nn

from mmcore.perception import cells

COLUMNS = 32
INDEX = {character: index for index, character in enumerate(cells.CHARACTERS)}
FALLBACK = "DejaVuSansMono.ttf"
SUFFIXES = {".py", ".js", ".ts", ".c", ".h", ".cpp", ".rs", ".go", ".java", ".sh", ".md", ".json", ".css", ".html", ".pl", ".txt"}


def network() -> nn.Module:
    def block(inputs: int, outputs: int, kernel: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int]) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, kernel, stride, pad, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(
        *block(1, 16, (3, 3), (2, 1), (1, 1)),
        *block(16, 32, (3, 3), (1, 2), (1, 1)),
        *block(32, 48, (3, 3), (2, 2), (1, 1)),
        *block(48, 64, (3, 3), (1, 1), (1, 1)),
        *block(64, 96, (3, 3), (2, 2), (1, 1)),
        *block(96, 160, (5, 4), (1, 2), (0, 1)),
        *block(160, 160, (1, 3), (1, 1), (0, 1)),
        nn.Conv2d(160, len(cells.CHARACTERS), 1),
    )


class Exported(nn.Module):
    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, ink: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.body(ink)[:, :, 0], 1).transpose(1, 2)


class Fonts:
    def __init__(self, folders: list[str], holdout: str) -> None:
        self.paths: list[str] = []
        self.known: dict[str, set[str]] = {}
        for folder in folders:
            for path in sorted(Path(folder).rglob("*")):
                name = path.name.lower()
                if path.suffix.lower() not in (".ttf", ".otf") or any(part in name for part in holdout.split(",") if part):
                    continue
                try:
                    font = TTFont(str(path), lazy=True)
                    characters = {chr(code) for code in font.getBestCmap()}
                    widths = {font["hmtx"][font.getBestCmap()[ord(c)]][0] for c in "iWm.0"}
                except Exception:
                    continue
                # Families with dozens of weights would outweigh the others.
                if len(widths) == 1 and characters >= set(map(chr, range(33, 127))) and not any(
                    word in name for word in ("thin", "ultra", "wide", "extended", "extra", "condensed", "semi", "noloopk", "sign")
                ):
                    self.paths.append(str(path))
                    self.known[str(path)] = characters

    def choose(self) -> str:
        family = random.choice(sorted({Path(path).name.split("-")[0].split(" ")[0] for path in self.paths}))
        return random.choice([path for path in self.paths if Path(path).name.startswith(family)])


@lru_cache(400)
def font_at(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


class Texts:
    def __init__(self, folders: list[str]) -> None:
        paths = [path for folder in folders for path in Path(folder).rglob("*") if path.suffix in SUFFIXES and path.is_file()]
        random.Random(0).shuffle(paths)
        self.lines: list[str] = []
        counts: dict[str, int] = {}
        for path in paths:
            if counts.get(path.suffix, 0) > 600:
                continue
            counts[path.suffix] = counts.get(path.suffix, 0) + 1
            text = path.read_text("utf-8", errors="ignore")[:40_000]
            self.lines += [line.expandtabs(4).rstrip() for line in text.splitlines() if 3 < len(line.strip()) and len(line) < 400]
        print(len(paths), "files", len(self.lines), "lines", counts, flush=True)

    def choose(self) -> str:
        kind = random.random()
        if kind < 0.55:
            line = random.choice(self.lines)
            start = random.randrange(max(1, len(line) - COLUMNS + 8))
            text = line[start : start + COLUMNS]
        elif kind < 0.75:
            text = "".join(random.choice(string.printable[:94]) for _ in range(COLUMNS))
            if random.random() < 0.5:
                text = "".join(c if random.random() < 0.7 else " " for c in text)
        elif kind < 0.85:
            # What is taken for one another, in every company.
            pool = random.choice(["O0oQDC", "l1I|!i", "`'\",.;:", "-_~=^", "([{<>}])", "S5s8B3", "Z2z7?", "uvVUwW", "rnmh", "/\\|", "gq9y", "^~=-_ ", "cCeEoO", "*+x×", "0123456789", "0123456789abcdef"])
            other = random.choice([string.ascii_letters, pool, string.digits + "_", " "])
            text = "".join(random.choice(pool if random.random() < 0.6 else other) for _ in range(COLUMNS))
        elif kind < 0.9:
            # Rulers and markers: runs of one character.
            text = ""
            while len(text) < COLUMNS:
                text += random.choice(["=", "-", "_", "^", "~", "*", "#", ".", "F", "─", "━", "│", " ", "═", "+", "█", "░"]) * random.randint(1, 24)
                text += random.choice(["", " ", " FAILURES ", "[100%]", " E ", "[ 50%]"])
        elif kind < 0.97:
            text = "".join(random.choice(cells.SYMBOLS) if random.random() < 0.35 else random.choice("abc xyz 0 ./") for _ in range(COLUMNS))
        else:
            text = "".join(random.choice("éüñßæøåçäöáíóπσδабвгдежз日本") if random.random() < 0.3 else random.choice("abcde fgh") for _ in range(COLUMNS))
        return text[:COLUMNS].ljust(COLUMNS)


CJK = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期根论运农指几九区强放决西被干做必战先回则任取据处队南给色光门即保治北造百规热领七海口东导器压志世金增争济阶油思术极交受联什认六共权收证改清己美再采转更单风切打白教速花带安场身车例真务具万每目至达走积示议声报斗完类八离华名确才科张信马节话米整空元况今集温传土许步群广石记需段研界拉林律叫且究观越织装影算低持音众书布复容儿须际商非验连断深难近矿千周委素技备半办青省列习响约支般史感劳便团往酸历市克何除消构府称太准精值号率族维划选标写存候毛亲快效斯院查江型眼王按格养易置派层片始却专状育厂京识适属圆包火住调满县局照参红细引听该铁价严"


def render(fonts: Fonts, texts: Texts) -> tuple[np.ndarray, np.ndarray]:
    """One strip (HEIGHT, COLUMNS * CELL) as `cells.strip` would cut it, and the class of every cell."""
    path = fonts.choose()
    text = list(texts.choose())
    if random.random() < 0.03:
        for _ in range(random.randint(1, 6)):
            at = random.randrange(COLUMNS - 1)
            text[at : at + 2] = [random.choice(CJK), ""]
    size = random.choice((10, 11, 12, 12, 13, 13, 14, 14, 15, 16, 16, 17, 18, 20, 22, 24, 28, 34))
    over = 1 if random.random() < 0.35 else random.choice((3, 4, 5))
    font = font_at(path, size * over)
    pitch = font.getlength("0" * 40) / 40
    before, after = random.randint(1, 4), 1
    width, height = int((COLUMNS + before + after + 1) * pitch), int(size * over * 2.6)
    x = before * pitch + random.random() * over
    baseline = round(height * 0.62) + (random.random() if over == 1 else 0) * 0.0
    if over > 1:
        baseline += random.randrange(over)
    picture = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(picture)
    known = fonts.known[path]
    plain = "".join(c if c in known and ord(c) < 0x3000 else " " for c in (c or " " for c in text))
    ligatures = random.random() < 0.35
    draw.text((x, baseline), plain, 255, font=font, anchor="ls", features=None if ligatures else ["-calt", "-liga", "-clig", "-dlig"])
    if len("".join(text)) and random.random() < 0.25 and before > 1:
        # What stands to the left of a row must not matter.
        draw.text((x - pitch * random.uniform(1, 1.6), baseline), random.choice("0123456789"), random.randint(90, 255), font=font, anchor="ls")
    for column, character in enumerate(text):
        if not character or character == " " or plain[column] != " ":
            continue
        wide = ord(character) >= 0x3000
        name = "NotoSansCJK-Regular.ttc" if wide else FALLBACK
        fallback_size = size * over if wide else max(4, round(pitch / 0.602))
        draw.text((x + column * pitch, baseline), character, 255, font=font_at(name, fallback_size), anchor="ls")
    array = np.asarray(picture, np.float32) / 255
    if over > 1:
        array = cv2.resize(array, (round(width / over), round(height / over)), interpolation=cv2.INTER_AREA)
        factor_x, factor_y = width / array.shape[1], height / array.shape[0]
        x, pitch, baseline = x / factor_x, pitch / factor_x, baseline / factor_y
    array = _colour(array, x, pitch)
    array = _weather(array, x, baseline, pitch)
    if random.random() < 0.2:
        factor = random.uniform(0.75, 2.0)
        factor = max(factor, 6.0 / pitch)
        resized = cv2.resize(array, None, fx=factor, fy=factor, interpolation=random.choice((cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)))
        x, pitch, baseline = x * resized.shape[1] / array.shape[1], pitch * resized.shape[1] / array.shape[1], baseline * resized.shape[0] / array.shape[0]
        array = np.clip(resized, 0, 1)
    if random.random() < 0.15:
        array = _jpeg(array)
    if random.random() < 0.5:
        array = array + np.random.normal(0, random.choice((0.004, 0.01, 0.02)), array.shape).astype(np.float32)
    # How well the grid is found: a shift of the whole row, a pitch that is slightly wrong, letters on a line a bit off.
    left = x + np.clip(random.gauss(0, 0.05), -0.14, 0.14) * pitch
    wrong = pitch * (1 + np.clip(random.gauss(0, 0.0008), -0.003, 0.003))
    row = cells.strip(np.abs(array).astype(np.float32), left, baseline + np.clip(random.gauss(0, 0.045), -0.12, 0.12) * pitch, wrong, COLUMNS)
    labels = [_label(character) for character in text]
    for column in range(1, COLUMNS):
        if text[column] == "":
            labels[column] = INDEX[cells.WIDE]
    return row, np.array(labels[:COLUMNS], np.int64)


def _label(character: str) -> int:
    if character in INDEX:
        return INDEX[character]
    return INDEX[cells.WIDE] if character and ord(character) >= 0x2E80 else INDEX[cells.OTHER]


def _colour(array: np.ndarray, x: float, pitch: float) -> np.ndarray:
    """Tokens of different contrast, curves of different rasterisers, the smear of coloured subpixels."""
    contrast = np.ones(array.shape[1], np.float32)
    level = random.uniform(0.25, 1.0)
    at = 0
    while at < len(contrast):
        run = max(1, int(random.randint(1, 14) * pitch))
        contrast[at : at + run] = level
        # Colours change between cells.
        at += run
        level = random.uniform(0.2, 1.0) if random.random() < 0.6 else level
    if random.random() < 0.35:
        edges = np.floor((np.arange(array.shape[1]) - x) / pitch).astype(int)
        levels = {edge: random.uniform(0.25, 1.0) for edge in set(edges.tolist())}
        contrast = np.array([levels[edge] for edge in edges.tolist()], np.float32)
    array = array ** random.choice((1.0, 1.0, random.uniform(0.6, 1.6)))
    if random.random() < 0.25:
        array = cv2.blur(array, (3, 1)) if random.random() < 0.5 else cv2.GaussianBlur(array, (0, 0), random.uniform(0.3, 0.7))
    return array * contrast[None, :]


def _weather(array: np.ndarray, x: float, baseline: float, pitch: float) -> np.ndarray:
    """Underlines, squiggles, cursors, edges of selections, indent guides, neighbouring lines, soft shadows."""
    height, width = array.shape
    if random.random() < 0.06:
        start = random.randrange(width)
        y = min(height - 2, round(baseline + pitch * random.uniform(0.2, 0.45)))
        stop = min(width, start + int(random.randint(2, 12) * pitch))
        if random.random() < 0.5:
            array[y, start:stop] = np.maximum(array[y, start:stop], random.uniform(0.3, 1))
        else:
            for column in range(start, stop):
                dy = round(abs((column % 6) - 3) / 1.5)
                array[min(height - 1, y - 1 + dy), column] = random.uniform(0.4, 0.9)
    if random.random() < 0.04:
        column = min(width - 2, max(0, round(x + random.randrange(COLUMNS) * pitch)))
        array[round(height * 0.2) : round(height * 0.8), column : column + random.choice((1, 2))] = random.uniform(0.2, 1)
    if random.random() < 0.04:
        column = min(width - 1, max(0, round(x + 4 * random.randrange(8) * pitch)))
        array[:, column] = np.maximum(array[:, column], random.uniform(0.06, 0.2))
    if random.random() < 0.5:
        # The rows above and below show at the rims of the strip.
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


def produce(fonts: Fonts, texts: Texts, seed: int, rows: int, queue) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**31)
    cv2.setNumThreads(1)
    while True:
        pairs = [render(fonts, texts) for _ in range(rows)]
        queue.put((np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])))


def train(arguments: argparse.Namespace) -> None:
    fonts, texts = Fonts(arguments.fonts, arguments.holdout), Texts(arguments.text)
    print(len(fonts.paths), "fonts", flush=True)
    torch.set_num_threads(arguments.threads)
    model = network()
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=1e-3)
    spent, steps = 0.0, 0
    checkpoint = Path(arguments.checkpoint)
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        spent, steps = state["spent"], state["steps"]
    context = get_context("fork")
    queue = context.Queue(8)
    producers = [context.Process(target=produce, args=(fonts, texts, time.time_ns() % 2**31 + n, arguments.rows, queue), daemon=True) for n in range(2)]
    for producer in producers:
        producer.start()
    started, losses, right, seen = time.time(), [], 0, 0
    while time.time() - started < arguments.slice and spent + time.time() - started < arguments.seconds:
        progress = (spent + time.time() - started) / arguments.seconds
        for group in optimiser.param_groups:
            group["lr"] = 2.5e-3 * min(1.0, (steps + 1) / 100) * (0.5 + 0.5 * np.cos(np.pi * progress)) + 2e-5
        inputs, labels = queue.get()
        target = torch.from_numpy(labels)
        scores = model(torch.from_numpy(inputs)[:, None])[:, :, 0]
        loss = nn.functional.cross_entropy(scores, target)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        steps += 1
        losses.append(loss.item())
        full = target != 0
        right += int(((scores.argmax(1) == target) & full).sum())
        seen += int(full.sum())
        if steps % 50 == 0:
            print(f"{spent + time.time() - started:6.0f} s  step {steps}  loss {np.mean(losses):.4f}  right {right / seen:.5f}", flush=True)
            losses, right, seen = [], 0, 0
    for producer in producers:
        producer.terminate()
    torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "spent": spent + time.time() - started, "steps": steps}, checkpoint)


def export(arguments: argparse.Namespace) -> None:
    model = network()
    model.load_state_dict(torch.load(arguments.checkpoint)["model"])
    exported = Exported(model).eval()
    example = torch.zeros(2, 1, cells.HEIGHT, 8 * cells.CELL)
    torch.onnx.export(
        exported,
        (example,),
        arguments.export,
        input_names=["ink"],
        output_names=["probabilities"],
        dynamic_axes={"ink": {0: "rows", 3: "width"}, "probabilities": {0: "rows", 1: "cells"}},
        opset_version=17,
        dynamo=False,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fonts", nargs="*", default=["/usr/share/fonts"])
    parser.add_argument("--text", nargs="*", default=["/usr/lib/python3"])
    parser.add_argument("--holdout", default="", help="parts of font names that are left out, for judging")
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--seconds", type=float, default=1500, help="training time in all")
    parser.add_argument("--slice", type=float, default=1e9, help="stop after this many seconds; a later call goes on")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rows", type=int, default=48)
    parser.add_argument("--export", default="")
    chosen = parser.parse_args()
    export(chosen) if chosen.export else train(chosen)

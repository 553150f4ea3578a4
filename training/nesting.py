"""Fit what `mmcore.perception.nesting` knows: windows of source files, and how many steps their leftmost line is in.

    python -m training.nesting DIR... [--windows 300000] [--each 1000]

Reads the files of the languages in `SUFFIXES` below the folders, at most `--each` of a language, and writes
mmcore/perception/nesting.npz: a multinomial logistic regression over hashed features, in 8 bits. A tenth of the files
is held back, and what is said of these is printed.

What is in the repository saw 130 packages of Debian 12 and their sources: libraries, servers, editors, tools, games.
"""

from __future__ import annotations

import argparse
import math
import random
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from mmcore.perception.nesting import BUCKETS, DEPTHS, features, step_of

_LANGUAGES = """
    c cc cmake cpp cs css el go gradle h hpp html java js json kt lua md php pl pm py rb rs scala scss sh sql swift t
    toml ts tsx vim xml yaml yml
"""
SUFFIXES = tuple(f".{name}" for name in _LANGUAGES.split())
# Scripts go by their first line where they have no suffix.
SHEBANG = re.compile(r"#!.*?\b(?:(perl)|(python)|(?:ba|da|z|k)?sh)\b")
TARGET = Path(__file__).parents[1] / "mmcore/perception/nesting.npz"
BATCH, RATE, DROPPED = 1024, 0.005, 0.3
File = list[tuple[int, str]]
Window = tuple[np.ndarray, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--windows", type=int, default=300_000)
    parser.add_argument("--each", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=4)
    chosen = parser.parse_args()
    chance = random.Random(1)
    files = sources(chosen.folders, chosen.each, chance)
    held = files[: len(files) // 10]
    seen = files[len(held) :]
    print(f"{len(seen)} files to learn from, {len(held)} held back")
    weights = fit([window(chance, seen) for _ in range(chosen.windows)], chosen.epochs)
    scale = float(np.abs(weights).max()) / 127
    codes = np.rint(weights / scale).astype(np.int8)
    np.savez_compressed(TARGET, codes=codes, scale=np.float32(scale))
    judge(codes * scale, [window(chance, held) for _ in range(20_000)])


def sources(folders: list[Path], each: int, chance: random.Random) -> list[File]:
    by_language: dict[str, list[Path]] = defaultdict(list)
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and 800 < path.stat().st_size < 200_000:
                by_language[language(path)].append(path)
    files = []
    for paths in (by_language[suffix] for suffix in SUFFIXES):
        for path in chance.sample(sorted(paths), min(each, len(paths))):
            lines = path.read_text("utf-8", "replace").expandtabs(4).splitlines()
            if max(map(len, lines), default=0) < 400:
                files.append([(len(line) - len(line.lstrip()), line.strip()) for line in lines])
    chance.shuffle(files)
    return files


def language(path: Path) -> str:
    if path.suffix:
        return path.suffix
    with path.open("rb") as file:
        match = SHEBANG.match(file.readline(80).decode("latin-1"))
    if match is None:
        return ""
    return ".pl" if match[1] else ".py" if match[2] else ".sh"


def window(chance: random.Random, files: list[File]) -> Window:
    """What an editor shows of a file that is scrolled anywhere."""
    while True:
        lines, count = chance.choice(files), chance.randint(5, 40)
        first = chance.randrange(max(1, len(lines) - count))
        shown = [line for line in lines[first : first + count] if line[1]]
        if len(shown) >= 3:
            depth = min(indent for indent, _ in shown) / step_of([indent for indent, _ in lines])
            return features(shown), min(math.ceil(depth), DEPTHS - 1)


def fit(windows: list[Window], epochs: int) -> np.ndarray:
    bag = torch.nn.EmbeddingBag(BUCKETS, DEPTHS, mode="sum")
    torch.nn.init.zeros_(bag.weight)
    optimizer = torch.optim.Adam(bag.parameters(), lr=RATE)
    truths = torch.tensor([truth for _, truth in windows])
    for epoch in range(epochs):
        order = np.random.default_rng(epoch).permutation(len(windows))
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - epoch / epochs)
        total = 0.0
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            flat = torch.from_numpy(np.concatenate([windows[index][0] for index in chosen]))
            sizes = torch.tensor([0, *(len(windows[index][0]) for index in chosen[:-1])]).cumsum(0)
            # Not to be too sure of single words: other projects have others.
            kept = (torch.rand(len(flat)) >= DROPPED) / (1 - DROPPED)
            loss = torch.nn.functional.cross_entropy(bag(flat, sizes, kept), truths[chosen])
            optimizer.zero_grad()
            (loss + 1e-5 * bag.weight.square().sum()).backward()
            optimizer.step()
            total += loss.item() * len(chosen)
        print(f"epoch {epoch + 1}: {total / len(order):.4f}", flush=True)
    return bag.weight.detach().numpy()


def judge(weights: np.ndarray, windows: list[Window]) -> None:
    scores = np.array([weights[buckets].sum(0) for buckets, _ in windows])
    chances = np.exp(scores - scores.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    truths = np.array([truth for _, truth in windows])
    nested = 1 - chances[:, 0]
    print(f"{(truths > 0).mean():.3f} are nested; right at .5: {((nested > 0.5) == (truths > 0)).mean():.3f}")
    deep = truths > 0
    inner = chances[deep, 1:].argmax(1) + 1
    print(f"of these, depths told: {(inner == truths[deep]).mean():.3f}; one step: {(truths[deep] == 1).mean():.3f}")
    print(f"cross-entropy: {-np.log(np.maximum(chances[np.arange(len(truths)), truths], 1e-9)).mean():.4f}")


if __name__ == "__main__":
    main()

"""Count what follows what in code, for `mmcore/perception/succession.py`.

    python -m training.ngrams --text DIR… --out mmcore/perception/ngrams.npz

The shipped counts are of Python's standard library, of the headers of /usr/include, of Perl's modules and of
Pygments' `examplefiles`, which are programs in some 400 languages; every language has the same room.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmcore.perception.succession import BITS, ORDER, codes_of

# Characters of one kind of file, and of one file.
MOST_OF_A_KIND, MOST_OF_A_FILE = 1_200_000, 40_000
# What was seen less often than this, for sequences of 1 to `ORDER` characters.
LEAST = (1, 1, 3, 4, 5, 5)


def read_texts(folders: list[str]) -> str:
    kinds: dict[str, list[Path]] = defaultdict(list)
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and not path.is_symlink():
                kinds[path.suffix.lower() or path.name].append(path)
    chance = random.Random(0)
    texts: list[str] = []
    for kind in sorted(kinds):
        chance.shuffle(kinds[kind])
        room = MOST_OF_A_KIND
        for path in kinds[kind]:
            try:
                text = path.read_text("utf-8")[:MOST_OF_A_FILE]
            except (UnicodeDecodeError, OSError):
                continue
            if "\0" not in text:
                texts.append(text)
                room -= len(text)
            if room <= 0:
                break
    return "\n".join(texts)


def count(codes: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.float16]]:
    """Sorted sequences of up to `ORDER` codes, the last in the lowest bits, and the logarithms of their counts."""
    keys, logarithms = [], []
    for length, least in enumerate(LEAST[:ORDER], 1):
        packed = np.zeros(len(codes) - length + 1, np.uint64)
        for place in range(length):
            packed = (packed << np.uint64(BITS)) | codes[place : len(codes) - length + 1 + place]
        found, counts = np.unique(packed, return_counts=True)
        keys.append(found[counts >= least])
        logarithms.append(np.log(counts[counts >= least]).astype(np.float16))
    joined, order = np.unique(np.concatenate(keys), return_index=True)
    return joined, np.concatenate(logarithms)[order]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", nargs="+", required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    text = read_texts(arguments.text)
    keys, logarithms = count(np.array(codes_of(text), np.uint64))
    np.savez_compressed(arguments.out, keys=keys, counts=logarithms)
    print(f"{len(text):,} characters, {len(keys):,} sequences, {arguments.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()

"""Read 2,000 damaged and malicious pictures: each is read or refused in one line, within 5 s, by a small worker.

    python bench/hostile.py

Writes bench/results/hostile.md.
"""

from __future__ import annotations

import asyncio
import io
import random
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import psutil

from mmcore.config import PerceptionSettings
from mmcore.errors import ImageError, PerceptionError
from mmcore.perception.reader import Reader

RESULTS = Path(__file__).parent / "results"
COUNT = 2_000
FORMS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, depth: int, colour: int, body: bytes, *extra: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def originals() -> list[bytes]:
    noise = np.random.default_rng(1).integers(0, 255, (60, 90, 3), np.uint8)
    found = []
    for form in FORMS:
        for picture in (PIL.Image.fromarray(noise), PIL.Image.new("L", (90, 60), 200), PIL.Image.new("P", (31, 7))):
            buffer = io.BytesIO()
            picture.convert("RGB" if form in ("JPEG", "WEBP") else picture.mode).save(buffer, form)
            found.append(buffer.getvalue())
    frames = [PIL.Image.new("L", (50, 50), shade) for shade in range(0, 250, 10)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return [*found, buffer.getvalue()]


def hostile(count: int) -> Iterator[bytes]:
    """Cut, flipped, spliced and lying pictures."""
    chance = random.Random(7)
    whole = originals()
    bombs = [
        png(30_000, 30_000, 8, 2, b"\0" * 10_000),
        png(2**31 - 1, 2**31 - 1, 8, 2, b"\0"),
        png(0, 0, 8, 2, b""),
        png(100, 100, 16, 6, b"\0" * 50),
        png(6_000, 6_000, 1, 0, b"\0" * 10, chunk(b"zTXt", b"k\0\0" + zlib.compress(b"a" * 5_000_000))),
        png(50, 50, 8, 3, b"\0" * 2_550),
        b"GIF89a" + b"\xff" * 64,
        b"BM" + b"\xff" * 60,
        b"RIFF\xff\xff\xff\xffWEBPVP8L" + b"\xff" * 40,
        b"\xff\xd8\xff\xe1\xff\xffExif\0\0" + b"\0" * 30,
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"%PDF-1.7",
    ]
    yield from bombs
    for _ in range(count - len(bombs)):
        data = bytearray(chance.choice(whole))
        kind = chance.randrange(4)
        if kind == 0:
            data = data[: chance.randrange(1, len(data))]
        elif kind == 1:
            for _ in range(chance.randint(1, 30)):
                data[chance.randrange(len(data))] = chance.randrange(256)
        elif kind == 2:
            at = chance.randrange(min(40, len(data) - 4))
            data[at : at + 4] = struct.pack(">I", chance.choice((0, 1, 2**16, 2**31 - 1, 2**32 - 1)))
        else:
            other = chance.choice(whole)
            data = data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]
        yield bytes(data)


async def main() -> None:
    reader = Reader(PerceptionSettings(timeout_s=5.0))
    refused = failed = read = 0
    slowest, most = 0.0, 0
    for data in hostile(COUNT):
        started = time.perf_counter()
        try:
            await reader.read(data)
            read += 1
        except ImageError:
            refused += 1
        except PerceptionError as error:
            failed += 1
            print(error)
        slowest = max(slowest, time.perf_counter() - started)
        if reader.pid:
            most = max(most, psutil.Process(reader.pid).memory_info().rss)
    await reader.close()
    text = (
        "| pictures | read | refused in one line | failed | slowest, s | most memory, MB |\n|" + " --- |" * 6 + "\n"
        f"| {COUNT} | {read} | {refused} | {failed} | {slowest:.2f} | {most / 1e6:.0f} |\n"
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "hostile.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    asyncio.run(main())

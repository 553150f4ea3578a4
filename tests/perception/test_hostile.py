"""2,000 damaged and malicious pictures: each is loaded or refused in one line, by one small worker."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import PIL.Image
import psutil
import pytest

from mmcore.config import PerceptionSettings
from mmcore.errors import ImageError
from mmcore.perception.reader import Reader

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


async def test_every_hostile_picture_is_loaded_or_refused_by_one_small_worker() -> None:
    reader = Reader(PerceptionSettings(timeout_s=5.0))
    refusals: list[str] = []
    workers = set()
    peak = 0
    for number, data in enumerate(hostile(2_000)):
        try:
            image = await reader.load(data)
            assert image.width * image.height <= 40_000_000
        except ImageError as error:
            refusals.append(str(error))
        workers.add(reader.pid)
        if number % 50 == 0 and reader.pid:
            peak = max(peak, psutil.Process(reader.pid).memory_info().rss)
    await reader.close()
    assert len(workers) == 1
    assert len(refusals) > 900
    assert not [text for text in refusals if "\n" in text or len(text) > 300]
    assert peak < 500_000_000


def encoded(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["noise", "checks", "strip", "line", "dot", "blank", "stripes"])
async def test_picture_without_meaning_is_read_without_harm(name: str) -> None:
    tile = np.kron(np.indices((30, 30)).sum(0) % 2, np.ones((32, 32))).astype(np.uint8) * 255
    pixels = {
        "noise": np.random.default_rng(3).integers(0, 255, (300, 400, 3), np.uint8),
        "checks": tile,
        "strip": np.full((12, 9_000), 255, np.uint8),
        "line": np.full((1, 500), 0, np.uint8),
        "dot": np.zeros((1, 1), np.uint8),
        "blank": np.full((900, 900), 17, np.uint8),
        "stripes": np.tile(np.repeat(np.array([[0, 255]], np.uint8), 3, 1), (400, 80)),
    }[name]
    reader = Reader(PerceptionSettings())
    try:
        reading = await reader.read(encoded(pixels))
        assert reading.size == (pixels.shape[1], pixels.shape[0])
        assert reader.pid is not None
        assert psutil.Process(reader.pid).memory_info().rss < 500_000_000
    finally:
        await reader.close()

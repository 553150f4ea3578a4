"""2,000 damaged and malicious pictures: each is loaded or refused in one line, by one small worker."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import psutil
import pytest

from bench.hostile import hostile
from mmcore.config import PerceptionSettings
from mmcore.errors import ImageError
from mmcore.perception.reader import Reader


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

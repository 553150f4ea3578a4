"""The reader survives whatever happens to its worker, and stays light."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import PIL.Image
import PIL.ImageDraw
import psutil
import pytest

from mmcore.config import PerceptionSettings
from mmcore.errors import ImageError, PerceptionError
from mmcore.perception.reader import Reader


def picture_of(text: str) -> bytes:
    picture = PIL.Image.new("RGB", (420, 80), "white")
    PIL.ImageDraw.Draw(picture).text((20, 20), text, "black", font_size=24)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    reader = Reader(PerceptionSettings())
    yield reader
    await reader.close()


async def test_text_is_read(reader: Reader) -> None:
    reading = await reader.read(picture_of("Hello world 42"))
    assert reading.text.strip() == "Hello world 42"
    assert reading.size == (420, 80)
    assert reading.lines[0].box[0] < 40 < 80 < reading.lines[0].box[2]


async def test_nothing_of_the_working_folder_is_imported(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIL.py", "struct.py"):
        (tmp_path / name).write_text("raise SystemExit(1)\n")
    monkeypatch.chdir(tmp_path)
    assert (await reader.read(picture_of("Hello world 42"))).text.strip() == "Hello world 42"


async def test_damaged_picture_is_an_error_and_the_worker_stays(reader: Reader) -> None:
    await reader.load(picture_of("x"))
    pid = reader.pid
    with pytest.raises(ImageError):
        await reader.load(picture_of("x")[:200])
    assert reader.pid == pid


async def test_killed_worker_is_replaced(reader: Reader) -> None:
    await reader.load(picture_of("x"))
    assert reader.pid is not None
    worker = psutil.Process(reader.pid)
    worker.kill()
    await asyncio.to_thread(psutil.wait_procs, [worker], 10)
    try:
        await reader.load(picture_of("x"))
    except PerceptionError as error:
        # It may have died before the loop heard of it: one clear error, and the next call has a new worker.
        assert "ended" in str(error)  # noqa: PT017
    assert (await reader.load(picture_of("x"))).width == 420
    assert reader.pid != worker.pid


async def test_time_out_ends_the_worker() -> None:
    reader = Reader(PerceptionSettings(timeout_s=0.001))
    with pytest.raises(PerceptionError, match=r"perception\.timeout_s"):
        await reader.read(picture_of("x"))
    assert reader.pid is None
    await reader.close()


async def test_cancelled_call_does_not_disturb_the_next(reader: Reader) -> None:
    call = asyncio.create_task(reader.read(picture_of("first")))
    while reader.pid is None:
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await reader.load(picture_of("second"))).width == 420


async def test_idle_worker_leaves() -> None:
    reader = Reader(PerceptionSettings(), idle_s=0.0)
    await reader.load(picture_of("x"))
    assert reader.pid is not None
    gone, _ = await asyncio.to_thread(psutil.wait_procs, [psutil.Process(reader.pid)], 10)
    assert gone
    assert reader.pid is None
    await reader.close()


def test_process_that_holds_a_reader_stays_light() -> None:
    script = (
        "import sys, mmcore.perception.reader\n"
        "print([name for name in ('PIL', 'numpy', 'cv2', 'onnxruntime', 'rapidocr') if name in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"

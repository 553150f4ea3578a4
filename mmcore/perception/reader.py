"""Read pictures in a worker process that is started on first use, killed when it hangs, and restarted when it dies.

Light to import: neither Pillow nor numpy nor a model is loaded in the process that holds a `Reader`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mmcore.config import PerceptionSettings
from mmcore.errors import ImageError, PerceptionError
from mmcore.perception import wire
from mmcore.perception.source import name_of, read_source
from mmcore.types import Image, Reading

# The models hold about 200 MB: given back when nobody has asked for a while, loaded again in about a second.
IDLE_S = 300.0
ERRORS = {error.__name__: error for error in (ImageError, PerceptionError)}


class Reader:
    """One worker, one picture at a time; further calls wait their turn. Cancelling a call ends its work."""

    def __init__(self, settings: PerceptionSettings, idle_s: float = IDLE_S) -> None:
        self._settings = settings
        self._idle_s = idle_s
        self._turn = asyncio.Lock()
        self._worker: asyncio.subprocess.Process | None = None
        self._idle: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """Of the running worker; None when there is none."""
        return self._worker.pid if self._worker and self._worker.returncode is None else None

    async def read(self, source: Path | bytes, names: Collection[str] = ()) -> Reading:
        """What the picture says. Raises ImageError and PerceptionError.

        `names` that the picture is likely to show, as those of a workspace, settle letters that look alike.
        """
        reply, _ = await self._request("read", source, names=list(names))
        return wire.reading_from_json(reply["reading"])

    async def load(self, source: Path | bytes) -> Image:
        """The picture, checked and upright, as a model may get it. Raises ImageError and PerceptionError."""
        reply, payload = await self._request("load", source)
        image = wire.image_from_json(reply["image"], payload)
        return image if isinstance(source, bytes) else replace(image, path=source)

    async def overlay(self, source: Path | bytes, reading: Reading) -> bytes:
        """The picture as PNG with what was found drawn on it. Raises ImageError and PerceptionError."""
        _, payload = await self._request("overlay", source, reading=wire.reading_to_json(reading))
        return payload

    async def close(self) -> None:
        async with self._turn:
            await self._stop()

    async def _request(self, do: str, source: Path | bytes, **more: Any) -> tuple[dict[str, Any], bytes]:
        data = await asyncio.to_thread(read_source, source, self._settings.max_bytes)
        message = wire.pack({"do": do, "settings": asdict(self._settings), **more}, data)
        async with self._turn:
            if self._idle:
                self._idle.cancel()
            finished = False
            try:
                reply, payload = await asyncio.wait_for(self._exchange(message), self._settings.timeout_s)
                finished = True
            except TimeoutError:
                limit = f"{self._settings.timeout_s:g} s"
                raise PerceptionError(
                    f"{name_of(source)} could not be read within {limit}: crop it, or raise perception.timeout_s"
                ) from None
            except (OSError, EOFError, ValueError) as error:
                raise PerceptionError(
                    f"the reader process ended while it read {name_of(source)}: the picture may be damaged"
                ) from error
            finally:
                if not finished:
                    # Its next reply would be taken for the answer to another question.
                    await self._stop()
            self._idle = asyncio.get_running_loop().call_later(self._idle_s, self._leave)
        if "error" in reply:
            message_text = reply["message"]
            raise ERRORS[reply["error"]](
                message_text if isinstance(source, bytes) else f"{source}: {message_text}",
            )
        return reply, payload

    async def _exchange(self, message: bytes) -> tuple[dict[str, Any], bytes]:
        worker = await self._running()
        assert worker.stdin
        assert worker.stdout
        worker.stdin.write(message)
        await worker.stdin.drain()
        header_size, payload_size = wire.lengths(await worker.stdout.readexactly(wire.PREFIX.size))
        header = await worker.stdout.readexactly(header_size)
        return json.loads(header), await worker.stdout.readexactly(payload_size)

    async def _running(self) -> asyncio.subprocess.Process:
        if self._worker is None or self._worker.returncode is not None:
            self._worker = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # the working folder is the workspace, which must not be imported from
                "-m",
                "mmcore.perception.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        return self._worker

    def _leave(self) -> None:
        if self._worker and self._worker.stdin and not self._turn.locked():
            self._worker.stdin.close()
            self._worker = None

    async def _stop(self) -> None:
        if self._idle:
            self._idle.cancel()
            self._idle = None
        worker, self._worker = self._worker, None
        if worker and worker.returncode is None:
            worker.kill()
            await asyncio.shield(worker.wait())

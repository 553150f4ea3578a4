"""Tell the editor, once, what its user should know: a model is loading, the engine is gone."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from lsp_server.server import SidesightServer

logger = logging.getLogger(__name__)

# A request that was dropped is followed by the typist's next one within this time, which waits for the same thing.
_NEXT_REQUEST_S = 1.0


class Status:
    """What the engine says while requests wait becomes work-done progress; its failure one message until it is back."""

    def __init__(self, server: SidesightServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._failed = False
        self._waiting = 0
        self._progress: asyncio.Task[str | None] | None = None
        self._ending: asyncio.TimerHandle | None = None

    def failed(self, message: str) -> None:
        """Show `message`, unless the failure has been shown already."""
        logger.warning("%s", message)
        if not self._failed:
            self._failed = True
            self._server.show(message)

    def recovered(self) -> None:
        self._failed = False

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """While a request waits for the engine; when the last one has its answer, there is nothing to say any more."""
        self._waiting += 1
        dropped = False
        try:
            yield
        except asyncio.CancelledError:
            dropped = True
            raise
        finally:
            self._waiting -= 1
            if dropped:
                self._end_soon()
            elif not self._waiting:
                self._end()

    def loading(self, message: str) -> None:
        """The engine says what it is doing, and with an empty message that this is over; in the event loop's thread."""
        if not message:
            self._end_soon()
        elif self._server.supports("window.work_done_progress"):
            logger.info("%s", message)
            self._stay()
            self._progress = self._loop.create_task(self._report(self._progress, message))

    async def _report(self, previous: asyncio.Task[str | None] | None, message: str) -> str | None:
        """Show `message` in the progress that `previous` began, or in a new one. Returns its token."""
        progress = self._server.work_done_progress
        if previous is not None and (token := await previous) is not None:
            progress.report(token, lsp.WorkDoneProgressReport(message=message))
            return token
        token = str(uuid.uuid4())
        try:
            await progress.create_async(token)
        except JsonRpcException as error:
            logger.info("no progress: %s", error)
            return None
        progress.begin(token, lsp.WorkDoneProgressBegin(title="Sidesight", message=message, cancellable=False))
        return token

    def _end_soon(self) -> None:
        self._stay()
        self._ending = self._loop.call_later(_NEXT_REQUEST_S, self._end)

    def _stay(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None

    def _end(self) -> None:
        self._stay()
        if self._progress is not None:
            progress, self._progress = self._progress, None
            progress.add_done_callback(self._finish)

    def _finish(self, progress: asyncio.Task[str | None]) -> None:
        if not progress.cancelled() and (token := progress.result()) is not None:
            self._server.work_done_progress.end(token, lsp.WorkDoneProgressEnd())
            self._server.work_done_progress.tokens.pop(token, None)  # pygls keeps every token it has seen

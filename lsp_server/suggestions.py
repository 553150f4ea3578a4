"""Ask the assistant what belongs at a cursor, for as long as the question stands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from lsp_server.documents import OpenDocument
from mmcore.errors import InputError, SidesightError
from mmcore.types import Completion, Edit, Position, Range

if TYPE_CHECKING:
    from lsp_server.server import SidesightServer

logger = logging.getLogger(__name__)

# A document that was changed and then left alone this long, without a request, is likely to be typed in soon.
IDLE_S = 1.0
# A client that cannot show that a model is loading would seem to hang. The next request finds more of it loaded.
UNEXPLAINED_S = 5.0


def widened(completion: Completion, lines: Sequence[str], column: int) -> Edit:
    """The completion as an edit that begins at `column` of its line, what stands there already included."""
    start = completion.range.start
    first = min(column, start.column)
    text = lines[start.line][first : start.column] + completion.text
    return Edit(Range(Position(start.line, first), completion.range.end), text)


class Suggestions:
    """At most one request in flight a document; a change of the document or a newer request drops it."""

    def __init__(self, server: SidesightServer) -> None:
        self._server = server
        self._in_flight: dict[str, asyncio.Task[Completion | None]] = {}
        self._idle: asyncio.TimerHandle | None = None
        self._warming: asyncio.Task[None] | None = None

    def warm(self, document: OpenDocument, cursor: Position, after_s: float = 0.0) -> None:
        """Let the model be loaded and the document be read before the next key, unless something else comes."""
        self._stay()
        self._idle = asyncio.get_running_loop().call_later(after_s, self._warm, document, cursor)

    def drop(self, uri: str) -> None:
        """The document has changed: an answer for its old text would be wrong."""
        self._stay()
        if task := self._in_flight.pop(uri, None):
            task.cancel()

    async def at(self, document: OpenDocument, position: lsp.Position, *, invoked: bool) -> Completion | None:
        """The completion, or None where there is none, or no longer one that is wanted.

        `invoked`: asked for by a key, and not by typing.
        """
        self.drop(document.uri)
        task = asyncio.create_task(self._complete(document, position, invoked))
        self._in_flight[document.uri] = task
        try:
            return await task
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if this is not None and this.cancelling():
                raise  # the editor cancelled the request; else it was `drop`
            return None
        finally:
            if self._in_flight.get(document.uri) is task:
                del self._in_flight[document.uri]

    def _stay(self) -> None:
        if self._idle is not None:
            self._idle.cancel()

    def _warm(self, document: OpenDocument, cursor: Position) -> None:
        if self._server.session.settings.completion.enabled:
            self._warming = asyncio.create_task(self._warmed(document, cursor))

    async def _warmed(self, document: OpenDocument, cursor: Position) -> None:
        server = self._server
        roots, neighbours = server.roots(document.path), server.documents.around(document)
        try:
            async with server.session.assistant() as assistant:
                await assistant.warm(document.snapshot(), cursor, roots, neighbours)
        except SidesightError as error:
            logger.info("not warmed: %s", error)  # nobody asked; whoever does will be told

    async def _complete(self, document: OpenDocument, position: lsp.Position, invoked: bool) -> Completion | None:
        server = self._server
        cursor, roots = document.position(position), server.roots(document.path)
        neighbours = server.documents.around(document)
        longest_s = None if server.supports("window.work_done_progress") else UNEXPLAINED_S
        try:
            with server.status.waiting():
                async with asyncio.timeout(longest_s), server.session.assistant() as assistant:
                    completion = await assistant.complete(
                        document.snapshot(), cursor, roots, neighbours, invoked=invoked
                    )
        except TimeoutError:
            logger.info("no completion within %.0f s", UNEXPLAINED_S)
            return None
        except InputError as error:
            logger.info("no completion: %s", error)  # of this document; a message at every keystroke would not help
            return None
        except SidesightError as error:
            server.status.failed(str(error))
            return None
        except Exception as error:
            logger.exception("no completion")
            server.status.failed(f"completion failed ({type(error).__name__}); the log says more")
            return None
        if completion is not None:
            server.status.recovered()
        return completion

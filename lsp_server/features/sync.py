"""Follow what the editor has open."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from lsp_server.convert import path_of
from lsp_server.suggestions import IDLE_S
from mmcore.types import Position

if TYPE_CHECKING:
    from lsp_server.server import SidesightServer

logger = logging.getLogger(__name__)


def register(server: SidesightServer) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: lsp.DidOpenTextDocumentParams) -> None:
        document = server.documents.open(params.text_document, server.encoding)
        server.suggestions.warm(document, Position(0, 0))

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: lsp.DidChangeTextDocumentParams) -> None:
        document = server.documents.edit(params.text_document.uri)
        if document is None:
            logger.warning("ignored: a change of %s, which is not open", params.text_document.uri)
            return
        server.suggestions.drop(document.uri)
        for change in params.content_changes:
            document.apply(change)
        document.version = params.text_document.version
        server.findings.follow(document)
        if params.content_changes and isinstance(change, lsp.TextDocumentContentChangePartial):
            start = document.position(change.range.start)
            lines = change.text.split("\n")
            column = len(lines[-1]) + (start.column if len(lines) == 1 else 0)
            server.suggestions.warm(document, Position(start.line + len(lines) - 1, column), IDLE_S)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: lsp.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        server.suggestions.drop(uri)
        server.documents.close(uri)
        server.findings.clear(uri)
        if server.session.opened is not None:
            server.session.opened.forget(uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    async def did_save(params: lsp.DidSaveTextDocumentParams) -> None:
        path = path_of(params.text_document.uri)
        if path is not None and server.session.opened is not None:
            async with server.session.assistant() as assistant:
                await assistant.saved(path)

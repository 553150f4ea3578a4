"""Follow what the editor has open."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

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
        document = server.documents.get(params.text_document.uri)
        if document is None:
            logger.warning("ignored: a change of %s, which is not open", params.text_document.uri)
            return
        server.suggestions.drop(document.uri)
        for change in params.content_changes:
            document.apply(change)
        document.version = params.text_document.version
        if params.content_changes and isinstance(change, lsp.TextDocumentContentChangePartial):
            start = document.position(change.range.start)
            lines = change.text.split("\n")
            column = len(lines[-1]) + (start.column if len(lines) == 1 else 0)
            server.suggestions.warm(document, Position(start.line + len(lines) - 1, column), IDLE_S)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: lsp.DidCloseTextDocumentParams) -> None:
        server.suggestions.drop(params.text_document.uri)
        server.documents.close(params.text_document.uri)

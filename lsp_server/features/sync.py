"""Follow what the editor has open."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

if TYPE_CHECKING:
    from lsp_server.server import SidesightServer

logger = logging.getLogger(__name__)


def register(server: SidesightServer) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: lsp.DidOpenTextDocumentParams) -> None:
        server.documents.open(params.text_document, server.encoding)

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

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: lsp.DidCloseTextDocumentParams) -> None:
        server.suggestions.drop(params.text_document.uri)
        server.documents.close(params.text_document.uri)

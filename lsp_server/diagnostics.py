"""What is published about documents, by its source: a client forgets all it had of a document with each publication."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

if TYPE_CHECKING:
    from lsp_server.server import SidesightServer


class Diagnostics:
    """What one source says of a document stays while another's comes and goes."""

    def __init__(self, server: SidesightServer) -> None:
        self._server = server
        self._said: dict[str, dict[str, list[lsp.Diagnostic]]] = {}

    def publish(self, uri: str, source: str, diagnostics: Sequence[lsp.Diagnostic], version: int | None = None) -> None:
        """In place of what `source` said of this document before; nothing takes it away."""
        said = self._said.setdefault(uri, {})
        said[source] = list(diagnostics)
        if not diagnostics:
            del said[source]
        together = [diagnostic for each in said.values() for diagnostic in each]
        if not said:
            del self._said[uri]
        self._server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, together, version))

    def clear(self, source: str) -> int:
        """Take away what `source` said of any document; of how many."""
        uris = [uri for uri, said in self._said.items() if source in said]
        for uri in uris:
            self.publish(uri, source, ())
        return len(uris)

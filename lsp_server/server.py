"""The language server: what it knows of its client, and the features it is made of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pygls.capabilities import get_capability
from pygls.lsp.server import LanguageServer

from lsp_server.convert import Encoding, path_of
from lsp_server.diagnostics import Diagnostics
from lsp_server.documents import Documents
from lsp_server.features import actions, ask, code_actions, completion, configuration, inline_completion, pictures, sync
from lsp_server.features.configuration import Configuration
from lsp_server.features.status import Status
from lsp_server.findings import Findings
from lsp_server.protocol import Protocol
from lsp_server.session import OpenAssistant, Session
from lsp_server.suggestions import Suggestions
from mmcore.config import Settings

if TYPE_CHECKING:
    from pygls.server import ServerErrors

logger = logging.getLogger(__name__)


class SidesightServer(LanguageServer):
    """One client's server."""

    protocol: Protocol

    def __init__(self, open_assistant: OpenAssistant, settings: Settings, problems: Sequence[str]) -> None:
        super().__init__("sidesight", version("sidesight"), protocol_cls=Protocol)
        self.documents = Documents()
        self.status = Status(self)
        self.session = Session(open_assistant, settings, self.status.loading)
        self.configuration = Configuration(self, problems)
        self.suggestions = Suggestions(self)
        self.diagnostics = Diagnostics(self)
        self.findings = Findings(self)

    @property
    def encoding(self) -> Encoding:
        return self.workspace.position_encoding or lsp.PositionEncodingKind.Utf16

    def supports(self, capability: str) -> bool:
        """Whether the client said that it has `capability`, e.g. "window.work_done_progress"."""
        return bool(get_capability(self.client_capabilities, capability, False))

    def roots(self, path: Path | None = None) -> tuple[Path, ...]:
        """The workspace folders; the innermost one that holds `path` comes first."""
        uris = [folder.uri for folder in self.workspace.folders.values()] or [self.workspace.root_uri or ""]
        roots = [root for root in map(path_of, uris) if root is not None]
        if path is not None:
            roots.sort(key=lambda root: len(root.parts) if path.is_relative_to(root) else 0, reverse=True)
        return tuple(roots)

    def show(self, message: str, kind: lsp.MessageType = lsp.MessageType.Warning) -> None:
        self.window_show_message(lsp.ShowMessageParams(kind, f"Sidesight: {message}"))

    def report_server_error(self, error: Exception, source: ServerErrors) -> None:
        # pygls would show it. What the user should see, features say themselves; the rest is for the log.
        logger.error("%s: %s", source.__name__, error, exc_info=error)

    async def close(self) -> None:
        """End what is still being generated, and the assistant."""
        await asyncio.gather(*self.protocol.cancel_requests(), return_exceptions=True)
        await self.session.close()


def create_server(
    open_assistant: OpenAssistant, settings: Settings, problems: Sequence[str] = (), token: str | None = None
) -> SidesightServer:
    """A server for one client; call it where the event loop runs.

    `problems` are what `config.load` had to ignore; `token` must come with `initialize`, where there is one.
    """
    server = SidesightServer(open_assistant, settings, problems)
    server.protocol.token = token

    @server.feature(lsp.INITIALIZE)
    def initialize(params: lsp.InitializeParams) -> None:
        server.configuration.start(params.initialization_options)
        if not server.supports("text_document.inline_completion"):
            # Never both: a client that shows ghost text would show the same text in its list as well.
            completion.register(server)

    sync.register(server)
    configuration.register(server)
    inline_completion.register(server)
    ask.register(server)
    actions.register(server)
    code_actions.register(server)
    pictures.register(server)
    return server

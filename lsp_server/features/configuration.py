"""Take settings from the editor: at the start, when it says that they changed, and by asking it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from mmcore.config import Settings, overlay

if TYPE_CHECKING:
    from lsp_server.server import SidesightServer

logger = logging.getLogger(__name__)

SECTION = "sidesight"
# Parts of the section where clients keep what is their own; Visual Studio Code looks for `trace` there.
_FOR_CLIENTS = ("client", "trace")


class Configuration:
    """The settings that the process began with (`config.load`), and over them what the editor says.

    `problems`: what had to be ignored so far. Each is shown once, together with others of the same moment.
    """

    def __init__(self, server: SidesightServer, problems: Sequence[str]) -> None:
        self._server = server
        self._base = server.session.settings
        self._problems = list(problems)
        self._shown: set[str] = set()

    def start(self, options: Any) -> None:
        """Take `initializationOptions`; a client is spoken to only after `initialize`, so problems wait."""
        self._base = overlay(self._base, _section(options), self._problems, "initializationOptions")
        self._server.session.use(self._base)

    async def follow(self) -> None:
        """Ask for the settings, and to be told when they change."""
        if self._server.supports("workspace.did_change_configuration.dynamic_registration"):
            # Visual Studio Code tells only those who registered.
            wanted = lsp.Registration(SECTION, lsp.WORKSPACE_DID_CHANGE_CONFIGURATION, {"section": SECTION})
            try:
                await self._server.client_register_capability_async(lsp.RegistrationParams([wanted]))
            except JsonRpcException as error:
                logger.info("not registered for changes of settings: %s", error)
        await self.refresh(None)

    async def refresh(self, pushed: Any) -> None:
        """Take what the editor answers when it can be asked, else what it pushed."""
        section = await self._pull() if self._server.supports("workspace.configuration") else _section(pushed)
        problems = self._problems
        self._problems = []
        settings: Settings = overlay(self._base, section, problems, "the editor's settings")
        self._server.session.use(settings)
        new = [problem for problem in problems if problem not in self._shown]
        self._shown.update(new)
        if new:
            self._server.show("; ".join(new))

    async def _pull(self) -> dict[str, Any]:
        item = lsp.ConfigurationItem(section=SECTION)
        try:
            answer = await self._server.workspace_configuration_async(lsp.ConfigurationParams([item]))
        except JsonRpcException as error:
            logger.info("the client does not give its settings: %s", error)
            return {}
        return _section({SECTION: answer[0]}) if answer else {}


def _section(value: Any) -> dict[str, Any]:
    """Our settings in what an editor sends: under our name, or bare (Helix), where other keys are not ours to judge."""
    if not isinstance(value, dict):
        return {}
    if SECTION in value:
        section = value[SECTION]
        kept = section if isinstance(section, dict) else {}
        return _set({key: part for key, part in kept.items() if key.partition(".")[0] not in _FOR_CLIENTS})
    groups = Settings.__dataclass_fields__
    return _set({key: part for key, part in value.items() if key.partition(".")[0] in groups})


def _set(values: dict[str, Any]) -> dict[str, Any]:
    """Without nulls: an editor's way to say that a setting is not set."""
    return {
        key: _set(value) if isinstance(value, dict) else value for key, value in values.items() if value is not None
    }


def register(server: SidesightServer) -> None:
    @server.feature(lsp.INITIALIZED)
    async def initialized(_: lsp.InitializedParams) -> None:
        await server.configuration.follow()

    @server.feature(lsp.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def did_change_configuration(params: lsp.DidChangeConfigurationParams) -> None:
        await server.configuration.refresh(params.settings)

"""A review's findings, as diagnostics that stay with the line that they are about until it is changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from lsp_server.convert import split_lines, to_lsp_range
from mmcore.types import Position, Range

if TYPE_CHECKING:
    from lsp_server.documents import OpenDocument
    from lsp_server.server import SidesightServer
    from mmcore.actions.request import Diagnostic, Outcome

SOURCE = "sidesight"


class Findings:
    """By document: each finding, and the text of the line that it is about."""

    def __init__(self, server: SidesightServer) -> None:
        self._server = server
        self._held: dict[str, list[tuple[str, Diagnostic]]] = {}

    def publish(self, outcome: Outcome) -> None:
        """In place of what an earlier review found in the document."""
        document = outcome.document
        opened = self._server.documents.get(document.uri)
        lines = split_lines(document.text)
        self._held[document.uri] = [(lines[f.range.start.line].strip(), f) for f in outcome.findings]
        self._say(document.uri, lines, document.version)
        if opened is not None and opened.snapshot().text != document.text:
            self.follow(opened)  # it was edited while it was reviewed

    def follow(self, document: OpenDocument) -> None:
        """The document changed: findings move with their lines, and go where their line is no more what it was."""
        held = self._held.get(document.uri)
        if not held:
            return
        places: dict[str, list[int]] = {}
        for number, line in enumerate(document.lines):
            places.setdefault(line.strip(), []).append(number)
        moved = []
        for text, finding in held:
            was = finding.range.start.line
            if (near := min(places.get(text, ()), key=lambda n: abs(n - was), default=None)) is not None:
                moved.append((text, _at(finding, near, document.lines[near])))
        if moved != held:
            self._held[document.uri] = moved
            self._say(document.uri, document.lines, document.version)

    def clear(self, uri: str | None = None) -> int:
        """Take away those of one document, or all; of how many documents."""
        uris = [held for held in self._held if uri in (None, held) and self._held[held]]
        for each in uris:
            self._server.diagnostics.publish(each, SOURCE, ())
        self._held = {each: found for each, found in self._held.items() if each not in uris}
        return len(uris)

    def _say(self, uri: str, lines: list[str], version: int | None) -> None:
        found = [
            lsp.Diagnostic(
                to_lsp_range(lines, finding.range, self._server.encoding),
                finding.message,
                severity=lsp.DiagnosticSeverity.Information,
                code=finding.code,
                source=SOURCE,
            )
            for _, finding in self._held[uri]
        ]
        self._server.diagnostics.publish(uri, SOURCE, found, version)


def _at(finding: Diagnostic, number: int, line: str) -> Diagnostic:
    """The finding on another line, over its text."""
    bare = line.rstrip()
    span = Range(Position(number, len(bare) - len(bare.lstrip())), Position(number, len(bare)))
    return replace(finding, range=span)

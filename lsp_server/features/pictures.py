"""The commands `sidesight.openFromImage` and `sidesight.clearFromImage`: go where a screenshot points.

`sidesight.openFromImage` takes a picture (a path, a `file:` or base64 `data:` URI, or `clipboard:`), or an object
`{image, show, publish}`. It opens the innermost place of the user's own code that the picture names, or the file whose
code it shows (`window/showDocument`, unless `show` is false), and publishes the errors that the picture reports as
diagnostics with the source `sidesight (screenshot)` (unless `publish` is false), in place of an earlier picture's. The
result is `{shown, locations: Location[], differences: string[], published}`: `shown` tells whether the client opened
it, `differences` where the code in the picture is not that of the workspace.

`sidesight.clearFromImage` takes the diagnostics away. The result is `{cleared}`, the number of documents.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from lsp_server.features.ask import image_of, location_of
from lsp_server.protocol import RequestFailed
from mmcore.errors import InputError

if TYPE_CHECKING:
    from lsp_server.server import SidesightServer
    from mmcore.types import Location
    from mmcore.whereabouts import Whereabouts

OPEN, CLEAR = "sidesight.openFromImage", "sidesight.clearFromImage"
SOURCE = "sidesight (screenshot)"


def register(server: SidesightServer) -> None:
    @server.command(OPEN)
    async def open_from_image(*arguments: Any) -> dict[str, Any]:
        given = check(arguments)
        image = await image_of(server, given["image"])
        with server.status.waiting():
            async with server.session.assistant() as assistant:
                places = await assistant.look(image, server.roots())
        if not places.locations:
            raise RequestFailed(_nowhere(places))
        published = _publish(server, places) if given.get("publish", True) else 0
        return {
            "shown": given.get("show", True) and await _show(server, places.locations[0]),
            "locations": [location_of(server, location) for location in places.locations],
            "differences": _differences(server, places),
            "published": published,
        }

    @server.command(CLEAR)
    async def clear_from_image(*_: Any) -> dict[str, int]:
        return {"cleared": server.diagnostics.clear(SOURCE)}


def check(arguments: tuple[Any, ...]) -> dict[str, Any]:
    """The members that were given. Raises InputError: one line that says what is wrong."""
    given = arguments[0] if len(arguments) == 1 else None
    if isinstance(given, str):
        given = {"image": given}
    if not isinstance(given, dict) or not isinstance(given.get("image"), str) or not given["image"]:
        raise InputError(f"{OPEN} takes one argument: a picture (a path, a data: URI or clipboard:)")
    given = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        if name not in ("image", "show", "publish"):
            raise InputError(f"{OPEN} knows no {name!r}; it takes image, show, publish")
        if name != "image" and not isinstance(value, bool):
            raise InputError(f"{OPEN}: {name} must be true or false")
    return given


def _nowhere(places: Whereabouts) -> str:
    if not places.frames:
        return "the picture names no place in code: ask about it instead"
    first = places.frames[0]
    return f"no file of this workspace is the one that the picture names ({first.path}:{first.line}): open its folder"


def _differences(server: SidesightServer, places: Whereabouts) -> list[str]:
    from mmcore.whereabouts import describe

    roots = server.roots()
    return [line for one in places.alignments if one.differences for line in describe(one, roots)]


async def _show(server: SidesightServer, location: Location) -> bool:
    if not server.supports("window.show_document.support"):
        return False
    place = location_of(server, location)
    at = lsp.Range(place.range.start, place.range.start)
    try:
        done = await server.window_show_document_async(lsp.ShowDocumentParams(place.uri, take_focus=True, selection=at))
    except JsonRpcException:
        return False  # the result says that it was not shown, and where it is
    return done.success


def _publish(server: SidesightServer, places: Whereabouts) -> int:
    from mmcore.whereabouts import findings

    server.diagnostics.clear(SOURCE)
    with_steps = server.supports("text_document.publish_diagnostics.related_information")
    by_document: dict[str, list[lsp.Diagnostic]] = defaultdict(list)
    for finding in findings(places):
        place = location_of(server, finding.location)
        severity = lsp.DiagnosticSeverity.Warning if finding.is_warning else lsp.DiagnosticSeverity.Error
        path_to = [
            lsp.DiagnosticRelatedInformation(location_of(server, location), step) for location, step in finding.path_to
        ]
        by_document[place.uri].append(
            lsp.Diagnostic(
                place.range,
                finding.message,
                severity=severity,
                source=SOURCE,
                related_information=path_to if with_steps else None,
            )
        )
    for uri, diagnostics in by_document.items():
        server.diagnostics.publish(uri, SOURCE, diagnostics)
    return sum(map(len, by_document.values()))

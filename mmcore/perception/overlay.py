"""Draw a reading on its picture."""

from __future__ import annotations

import io

import PIL.Image
import PIL.ImageDraw

from mmcore.config import PerceptionSettings
from mmcore.perception.image import open_picture
from mmcore.types import Reading

COLOURS = {
    **dict.fromkeys(("code", "terminal"), "#2f6fed"),
    **dict.fromkeys(("title", "status"), "#8a4fd0"),
    "command": "#d0a000",
    "output": "#707070",
    "error": "#d43a3a",
}
LINE, NODE, EDGE = "#1fa35b", "#e0742b", "#d43a3a"


def draw(data: bytes, reading: Reading, settings: PerceptionSettings) -> bytes:
    """The picture as PNG with a frame around every line and region, and the edges of a diagram as straight lines."""
    picture = open_picture(data, settings)
    pen = PIL.ImageDraw.Draw(picture)
    for line in reading.lines:
        pen.rectangle(line.box, outline=LINE)
    for region in reading.regions:
        left, top, right, bottom = region.box
        pen.rectangle((left, top, right - 1, bottom - 1), outline=COLOURS.get(region.kind, NODE), width=2)
    if reading.diagram:
        middles = [((n.box[0] + n.box[2]) / 2, (n.box[1] + n.box[3]) / 2) for n in reading.diagram.nodes]
        for node in reading.diagram.nodes:
            pen.rectangle(node.box, outline=NODE, width=2)
        for edge in reading.diagram.edges:
            pen.line((*middles[edge.source], *middles[edge.target]), fill=EDGE, width=1)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()

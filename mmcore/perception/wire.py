"""What passes between the reader and its worker: a JSON header and raw bytes, both with their length before them."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict
from typing import Any

from mmcore.types import Diagram, Edge, Image, Line, Node, Reading, Region

PREFIX = struct.Struct(">II")
# A reply carries at most one picture, encoded as PNG: never near this. A length beyond it means the stream is broken.
LONGEST = 1 << 30


def pack(header: dict[str, Any], payload: bytes = b"") -> bytes:
    encoded = json.dumps(header).encode()
    return PREFIX.pack(len(encoded), len(payload)) + encoded + payload


def lengths(prefix: bytes) -> tuple[int, int]:
    """Sizes of header and payload. Raises ValueError when they cannot be."""
    header, payload = PREFIX.unpack(prefix)
    if header > LONGEST or payload > LONGEST:
        raise ValueError("the stream is out of step")
    return header, payload


def reading_to_json(reading: Reading) -> dict[str, Any]:
    return asdict(reading)


def reading_from_json(value: dict[str, Any]) -> Reading:
    lines = tuple(Line(line["text"], tuple(line["box"]), line["score"]) for line in value["lines"])
    width, height = value["size"]
    regions = tuple(Region(**{**region, "box": tuple(region["box"])}) for region in value["regions"])
    diagram = _diagram(value["diagram"])
    return Reading(value["kind"], value["text"], lines, (width, height), value["sha256"], regions, diagram)


def _diagram(value: dict[str, Any] | None) -> Diagram | None:
    if value is None:
        return None
    nodes = [{**node, "box": tuple(node["box"]), "rows": tuple(node["rows"])} for node in value["nodes"]]
    return Diagram(value["kind"], tuple(Node(**node) for node in nodes), tuple(Edge(**edge) for edge in value["edges"]))


def image_to_json(image: Image) -> dict[str, Any]:
    return {"mime": image.mime, "width": image.width, "height": image.height, "sha256": image.sha256}


def image_from_json(value: dict[str, Any], data: bytes) -> Image:
    return Image(data, value["mime"], value["width"], value["height"], value["sha256"])

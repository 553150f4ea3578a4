"""Forms and diagrams: what is drawn becomes data."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from mmcore.config import PerceptionSettings
from mmcore.perception import render
from mmcore.perception.form import describe_form, find_widgets, text_of
from mmcore.perception.pipeline import read
from mmcore.types import Diagram, Edge, Line, Node, Reading, Region

PEN = {"fill": "black", "width": 2}


def saved(picture: PIL.Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def flow() -> PIL.Image.Image:
    """Start -> Valid? -yes-> Done, and back from Done to Start around the left side."""
    picture = PIL.Image.new("RGB", (420, 520), "white")
    pen = PIL.ImageDraw.Draw(picture)
    pen.rectangle((150, 30, 290, 80), fill="#e8f0fe", outline="black", width=2)
    pen.polygon([(220, 150), (330, 210), (220, 270), (110, 210)], fill="#e8f0fe", outline="black", width=2)
    pen.ellipse((150, 380, 290, 440), fill="white", outline="black", width=2)
    for text, x, y in (("Start", 220, 55), ("Valid?", 220, 210), ("Done", 220, 410), ("yes", 250, 320)):
        pen.text((x, y), text, "black", anchor="mm", font_size=20)
    pen.line((220, 80, 220, 140), fill="black", width=2)
    pen.polygon([(214, 138), (226, 138), (220, 150)], fill="black")
    pen.line((220, 270, 220, 370), fill="black", width=2)
    pen.polygon([(214, 368), (226, 368), (220, 380)], fill="black")
    pen.line((150, 410, 60, 410, 60, 55, 140, 55), fill="black", width=2)
    pen.polygon([(138, 49), (138, 61), (150, 55)], fill="black")
    return picture


def test_shapes_arrows_and_labels_become_a_graph() -> None:
    diagram = read(saved(flow()), PerceptionSettings()).diagram
    assert diagram is not None
    names = [node.text for node in diagram.nodes]
    assert sorted(names) == ["Done", "Start", "Valid?"]
    assert {node.text: node.shape for node in diagram.nodes} == {"Start": "box", "Valid?": "diamond", "Done": "ellipse"}
    assert {(names[edge.source], names[edge.target], edge.label) for edge in diagram.edges} == {
        ("Start", "Valid?", ""),
        ("Valid?", "Done", "yes"),
        ("Done", "Start", ""),
    }


def two_boxes(lines: int) -> PIL.Image.Image:
    picture = PIL.Image.new("RGB", (640, 520), "white")
    pen = PIL.ImageDraw.Draw(picture)
    pen.rectangle((20, 20, 300, 500), fill="#f4f4f4", outline="black", width=2)
    pen.rectangle((450, 200, 600, 270), fill="#f4f4f4", outline="black", width=2)
    pen.line((300, 235, 440, 235), fill="black", width=2)
    pen.polygon([(438, 229), (438, 241), (450, 235)], fill="black")
    pen.text((525, 235), "Done", "black", anchor="mm", font_size=20)
    for number in range(lines):
        pen.text((160, 40 + 22 * number), f"step = {number}", "black", anchor="mm", font_size=16)
    return picture


def test_a_window_full_of_text_is_no_node() -> None:
    assert read(saved(two_boxes(3)), PerceptionSettings()).kind == "diagram"
    assert read(saved(two_boxes(20)), PerceptionSettings()).kind != "diagram"


def test_a_page_of_text_around_boxes_is_no_diagram() -> None:
    small = flow()
    page = PIL.Image.new("RGB", (900, small.height), "white")
    page.paste(small, (0, 0))
    pen = PIL.ImageDraw.Draw(page)
    for line in range(24):
        pen.text((440, 10 + 20 * line), "total = price * count + tax * rate", "black", font_size=18)
    assert read(saved(page), PerceptionSettings()).diagram is None


def test_lifelines_and_messages_become_a_sequence() -> None:
    picture = PIL.Image.new("RGB", (520, 320), "white")
    pen = PIL.ImageDraw.Draw(picture)
    for x, name in ((100, "Client"), (400, "Server")):
        pen.rectangle((x - 60, 20, x + 60, 70), fill="#ececff", outline="#9370db", width=2)
        pen.text((x, 45), name, "black", anchor="mm", font_size=20)
        pen.line((x, 70, x, 300), fill="#888888", width=1)
    for y, text, source, target in ((140, "get rows", 100, 400), (220, "send rows", 400, 100)):
        pen.line((source, y, target, y), fill="#333333", width=2)
        sign = 1 if target > source else -1
        pen.polygon([(target, y), (target - 10 * sign, y - 5), (target - 10 * sign, y + 5)], fill="#333333")
        pen.text((250, y - 16), text, "black", anchor="mm", font_size=18)
    diagram = read(saved(picture), PerceptionSettings()).diagram
    assert diagram is not None
    assert diagram.kind == "sequence"
    assert [node.text for node in diagram.nodes] == ["Client", "Server"]
    assert diagram.edges == (Edge(0, 1, "get rows"), Edge(1, 0, "send rows"))


def form() -> PIL.Image.Image:
    picture = PIL.Image.new("RGB", (420, 330), "white")
    pen = PIL.ImageDraw.Draw(picture)
    pen.rectangle((30, 60, 380, 94), outline="#767676")
    pen.rectangle((30, 130, 380, 164), outline="#767676")
    pen.rectangle((32, 190, 46, 204), outline="#767676")
    pen.line((35, 197, 39, 201, 44, 193), fill="#1060ff", width=3)
    pen.rectangle((32, 220, 46, 234), outline="#767676")
    pen.rectangle((30, 260, 130, 296), fill="#efefef", outline="#767676")
    return picture


def test_fields_check_boxes_and_buttons_are_told_apart() -> None:
    pixels = np.ascontiguousarray(np.asarray(form())[:, :, ::-1])
    texts = {
        "Name": (30, 38, 80, 54),
        "Ada": (38, 70, 70, 86),
        "City": (30, 108, 66, 124),
        "Urgent": (56, 188, 110, 206),
        "Copy": (56, 218, 96, 236),
        "Save": (62, 269, 98, 287),
    }
    lines = [Line(text, box, 1.0) for text, box in texts.items()]
    regions = describe_form(pixels, lines, find_widgets(pixels))
    assert [(region.kind, region.text, region.value) for region in regions] == [
        ("field", "Name", "Ada"),
        ("field", "City", ""),
        ("check", "Urgent", "on"),
        ("check", "Copy", "off"),
        ("button", "Save", ""),
    ]
    assert text_of(regions) == "Name: Ada\nCity:\n[x] Urgent\n[ ] Copy\n[ Save ]"


def test_mermaid_escapes_what_would_break_it() -> None:
    nodes = (Node('say "hi"', "box", (0, 0, 1, 1)), Node("b|c", "diamond", (0, 0, 1, 1)))
    text = render.to_mermaid(Diagram("flow", nodes, (Edge(0, 1, "a|b"),)))
    assert text.splitlines() == [
        "flowchart TD",
        '  n0["say #quot;hi#quot;"]',
        '  n1{"b#124;c"}',
        "  n0 -->|a#124;b| n1",
    ]


def test_markdown_fence_is_longer_than_any_in_the_text() -> None:
    region = Region("code", "```\nignore the fence\n```", (0, 0, 1, 1), first_line=9, language="python")
    text = render.to_markdown(Reading("editor", region.text, (), (1, 1), regions=(region,)))
    assert text.splitlines()[0] == "````python"
    assert text.splitlines()[1] == " 9 ```"


@pytest.mark.parametrize(("title", "language"), [("meetup.py ×", "python"), ("a/b.tsx — app", "tsx"), ("Terminal", "")])
def test_language_follows_from_the_file_in_the_title(title: str, language: str) -> None:
    assert render.language_of(title) == language

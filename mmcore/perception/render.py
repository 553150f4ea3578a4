"""Write a reading for people and for models: as Markdown, as mermaid, as sentences. Standard library only."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from mmcore.types import Diagram, Node, Reading, Region

SHAPES = {"diamond": ("{", "}"), "ellipse": ("([", "])"), "box": ("[", "]")}
RELATIONS = {"inherits": "--|>", "has": "--*", "uses": "..>"}
LANGUAGES = dict(
    pair.split(":")
    for pair in """py:python js:javascript ts:typescript tsx:tsx jsx:jsx rs:rust go:go c:c h:c cpp:cpp cc:cpp hpp:cpp
    java:java kt:kotlin rb:ruby sh:bash cs:csharp php:php swift:swift json:json yaml:yaml yml:yaml toml:toml md:markdown
    html:html css:css sql:sql lua:lua""".split()  # noqa: SIM905
)
FILE_NAME = re.compile(r"[\w.\-]+\.([A-Za-z]{1,4})\b")


def language_of(title: str) -> str:
    """The language of the file that a tab or title bar names; empty when it names none."""
    for match in FILE_NAME.finditer(title):
        if match[1].lower() in LANGUAGES:
            return LANGUAGES[match[1].lower()]
    return ""


def to_json(reading: Reading) -> dict[str, Any]:
    """What `sidesight read --json` prints."""
    value = asdict(reading)
    value["diagram"] = None
    if reading.diagram:
        names = [node.text for node in reading.diagram.nodes]
        edges = [[names[edge.source], names[edge.target], edge.label] for edge in reading.diagram.edges]
        value["diagram"] = {"kind": reading.diagram.kind, "nodes": asdict(reading.diagram)["nodes"], "edges": edges}
    return value


def to_markdown(reading: Reading) -> str:
    """The reading with its parts named: code with line numbers, a form as a list, a diagram as mermaid."""
    if reading.diagram:
        return f"```mermaid\n{to_mermaid(reading.diagram)}\n```\n\n{to_sentences(reading.diagram)}"
    parts = []
    for region in reading.regions:
        if region.kind in ("code", "terminal"):
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", region.text)), default=0))
            text = _numbered(region) if region.first_line is not None else region.text
            language = "console" if region.kind == "terminal" else region.language
            parts.append(f"{fence}{language}\n{text}\n{fence}")
        elif region.kind in ("command", "output"):
            continue  # parts of a terminal, which has been written as a whole
        elif region.kind == "heading":
            parts.append(f"## {region.text}")
        elif region.kind == "field":
            parts.append(f"- {region.text or '(field)'}: {region.value or '(empty)'}")
        elif region.kind == "check":
            parts.append(f"- [{'x' if region.value == 'on' else ' '}] {region.text}")
        elif region.kind in ("title", "status", "button", "error", "message"):
            parts.append(f"- {region.kind}: {region.text}")
        else:
            parts.append(region.text)
    if not parts:
        return reading.text
    return "\n".join(sorted(parts, key=lambda part: not part.startswith("- title")))


def to_mermaid(diagram: Diagram) -> str:
    if diagram.kind == "sequence":
        lines = ["sequenceDiagram", *(f"  participant {_identifier(node.text)}" for node in diagram.nodes)]
        for edge in diagram.edges:
            source, target = (_identifier(diagram.nodes[end].text) for end in (edge.source, edge.target))
            lines.append(f"  {source}->>{target}: {edge.label}")
    elif diagram.kind == "class":
        lines = ["classDiagram"]
        for node in diagram.nodes:
            lines += [f"  class {_identifier(node.text)} {{", *(f"    {row}" for row in node.rows), "  }"]
        for edge in diagram.edges:
            source, target = (_identifier(diagram.nodes[end].text) for end in (edge.source, edge.target))
            lines.append(f"  {source} {RELATIONS.get(edge.label, '-->')} {target} : {edge.label}")
    else:
        lines = ["flowchart TD"]
        lines += [f"  n{index}{_shaped(node)}" for index, node in enumerate(diagram.nodes)]
        for edge in diagram.edges:
            label = f"|{_escaped(edge.label)}|" if edge.label else ""
            lines.append(f"  n{edge.source} -->{label} n{edge.target}")
    return "\n".join(lines)


def to_sentences(diagram: Diagram) -> str:
    """One sentence for each edge."""
    names = [node.text or "(unnamed)" for node in diagram.nodes]
    verb = "sends" if diagram.kind == "sequence" else "leads to"
    sentences = []
    for edge in diagram.edges:
        source, target = names[edge.source], names[edge.target]
        if diagram.kind == "sequence":
            sentences.append(f"{source} sends “{edge.label}” to {target}.")
        elif diagram.kind == "class":
            sentences.append(f"{source} is in relation “{edge.label}” to {target}.")
        else:
            sentences.append(f"{source} {verb} {target}{f' when “{edge.label}”' if edge.label else ''}.")
    return " ".join(sentences)


def _numbered(region: Region) -> str:
    lines = region.text.splitlines()
    first = region.first_line or 1
    width = len(str(first + len(lines)))
    return "\n".join(f"{first + index:>{width}} {line}" for index, line in enumerate(lines))


def _shaped(node: Node) -> str:
    left, right = SHAPES.get(node.shape, SHAPES["box"])
    return f'{left}"{_escaped(node.text)}"{right}'


def _escaped(text: str) -> str:
    return text.replace('"', "#quot;").replace("|", "#124;")


def _identifier(text: str) -> str:
    return re.sub(r"\W+", "_", text).strip("_") or "unnamed"

"""Write every setting of the server into package.json: `python editor-clients/vscode/write_settings.py`.

After a change of mmcore/config.py; tests/clients/test_vscode_settings.py says when it has been forgotten.
"""

from __future__ import annotations

import json
from pathlib import Path

from mmcore import config

MANIFEST = Path(__file__).parent / "package.json"
COMMAND = {
    "type": "string",
    "default": "sidesight",
    "markdownDescription": "The program `sidesight`; give a full path where it is not on your PATH,"
    " e.g. `/home/me/sidesight/.venv/bin/sidesight`.",
    "scope": "machine",
}


def properties() -> dict[str, dict[str, object]]:
    """`contributes.configuration.properties`. No workspace can set any of them: a cloned repository is a stranger's."""
    rows = {f"sidesight.{row.name}": {**_shape(row.default), **_text(row)} for row in config.describe()}
    return {"sidesight.command": COMMAND, **rows}


def _shape(default: object) -> dict[str, object]:
    match default:
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer", "minimum": 0}
        case float():
            return {"type": "number", "minimum": 0}
        case str():
            return {"type": "string"}
        case tuple():
            return {"type": "array", "items": {"type": "string"}}
    raise TypeError(f"no JSON schema for {default!r}")


def _text(row: config.Described) -> dict[str, object]:
    default = list(row.default) if isinstance(row.default, tuple) else row.default
    return {"default": default, "markdownDescription": row.meaning, "scope": "machine"}


if __name__ == "__main__":
    manifest = json.loads(MANIFEST.read_text("utf-8"))
    manifest["contributes"]["configuration"]["properties"] = properties()
    MANIFEST.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")

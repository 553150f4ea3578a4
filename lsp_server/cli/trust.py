"""`sidesight trust`: whether a workspace's own code may be run, always in the sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def trust(
    folder: Annotated[Path, typer.Argument(help="A folder of the workspace.")] = Path(),
    grant: Annotated[bool, typer.Option("--grant", help="Allow its tests and tools to be run.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take that back.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the workspace, the decision and the sandbox.")] = False,
) -> None:
    """Say, give or take back the consent to run a workspace's code. Nothing runs without it.

    Example: sidesight trust . --grant
    """
    from mmcore.context.workspace import workspace_root
    from mmcore.errors import InputError
    from mmcore.verify import consent
    from mmcore.verify.sandbox import isolation

    if grant and revoke:
        raise InputError("--grant and --revoke exclude each other")
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    root = workspace_root(folder)
    if grant:
        consent.grant(root)
    elif revoke:
        consent.revoke(root)
    said = {"workspace": str(root), "decision": consent.decision(root), "sandbox": isolation()}
    typer.echo(json.dumps(said) if as_json else f"{root}: {said['decision']} (sandbox: {said['sandbox']})")

"""`sidesight memory`: where conversations are kept, and forgetting them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mmcore.context.workspace import workspace_root
from mmcore.errors import InputError
from mmcore.memory.store import ConversationStore, check_conversation, database_path

app = typer.Typer(help="Conversations that Sidesight remembers, one SQLite file per workspace.", no_args_is_help=True)

Workspace = Annotated[
    Path, typer.Option(help="A folder of the workspace; its root is found by version control.", show_default="here")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def path(workspace: Workspace = Path(), as_json: AsJson = False) -> None:
    """Print the path of the workspace's database (it is made by the first question).

    Example: sqlite3 "$(sidesight memory path)" "select role, content from turn"
    """
    database = database_path([workspace_root(workspace)])
    typer.echo(json.dumps({"path": str(database), "exists": database.exists()}) if as_json else str(database))


@app.command()
def forget(
    conversation: Annotated[str | None, typer.Option(help="Forget this conversation.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Forget every conversation of the workspace.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before forgetting all.")] = False,
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """Delete conversations, with what was read in their pictures; the bytes are overwritten on disk.

    Example: sidesight memory forget --conversation 3f2a9c01b7de
    """
    if (conversation is None) == (not everything):
        raise InputError("say what to forget: --conversation ID, or --all")
    database = database_path([workspace_root(workspace)])
    count = 0
    if database.exists():
        store = ConversationStore(database)
        try:
            if conversation is not None:
                check_conversation(store, conversation)
            elif not yes:
                typer.confirm(f"Forget every conversation in {database}?", abort=True, err=True)
            count = store.forget(conversation)
        finally:
            store.close()
    elif conversation is not None:
        raise InputError(f"there is no conversation {conversation!r}: nothing was asked in this workspace yet")
    typer.echo(json.dumps({"forgotten": count}) if as_json else f"Forgotten: {count} conversation(s).")

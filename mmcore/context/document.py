"""Read a file from disk into a Document."""

from __future__ import annotations

from pathlib import Path

from mmcore.errors import DocumentError
from mmcore.types import Document

# Beyond these a file is generated or data: nobody writes it by hand, and parsing it at every keystroke is slow.
MAX_BYTES = 4_000_000
MAX_LINE = 100_000

# LSP language identifiers: those of the specification, and of Visual Studio Code where it names none.
_BY_SUFFIX = {
    ".bash": "shellscript",
    ".bat": "bat",
    ".c": "c",
    ".cc": "cpp",
    ".clj": "clojure",
    ".cpp": "cpp",
    ".cs": "csharp",
    ".css": "css",
    ".cu": "cuda-cpp",
    ".cxx": "cpp",
    ".dart": "dart",
    ".el": "elisp",
    ".erl": "erlang",
    ".ex": "elixir",
    ".exs": "elixir",
    ".fs": "fsharp",
    ".go": "go",
    ".groovy": "groovy",
    ".h": "c",
    ".hpp": "cpp",
    ".hs": "haskell",
    ".htm": "html",
    ".html": "html",
    ".java": "java",
    ".jl": "julia",
    ".js": "javascript",
    ".json": "json",
    ".jsx": "javascriptreact",
    ".kt": "kotlin",
    ".kts": "kotlin",
    ".less": "less",
    ".lua": "lua",
    ".m": "objective-c",
    ".markdown": "markdown",
    ".md": "markdown",
    ".mjs": "javascript",
    ".ml": "ocaml",
    ".mts": "typescript",
    ".nix": "nix",
    ".php": "php",
    ".pl": "perl",
    ".ps1": "powershell",
    ".py": "python",
    ".pyi": "python",
    ".r": "r",
    ".rb": "ruby",
    ".rs": "rust",
    ".scala": "scala",
    ".scss": "scss",
    ".sh": "shellscript",
    ".sql": "sql",
    ".svelte": "svelte",
    ".swift": "swift",
    ".tex": "latex",
    ".tf": "terraform",
    ".toml": "toml",
    ".ts": "typescript",
    ".tsx": "typescriptreact",
    ".vim": "vim",
    ".vue": "vue",
    ".xml": "xml",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".zig": "zig",
    ".zsh": "shellscript",
}
_BY_NAME = {"cmakelists.txt": "cmake", "dockerfile": "dockerfile", "gnumakefile": "makefile", "makefile": "makefile"}
_BY_INTERPRETER = {"bash": "shellscript", "node": "javascript", "perl": "perl", "python": "python", "ruby": "ruby"}
_BY_INTERPRETER |= {"python3": "python", "sh": "shellscript", "zsh": "shellscript"}


def language_of(path: Path, first_line: str = "") -> str:
    """The LSP language identifier by file name, else by a `#!` line; "plaintext" where neither tells."""
    known = _BY_NAME.get(path.name.lower()) or _BY_SUFFIX.get(path.suffix.lower())
    if known:
        return known
    if first_line.startswith("#!"):
        words = first_line[2:].replace("/", " ").split()
        return next((_BY_INTERPRETER[word] for word in words if word in _BY_INTERPRETER), "plaintext")
    return "plaintext"


def read_document(path: Path) -> Document:
    """The text file at `path`, a byte order mark removed.

    Raises DocumentError: missing, not a file, not permitted, over `MAX_BYTES`, with a line of over `MAX_LINE`
    characters, binary, not UTF-8.
    """
    try:
        if path.is_dir():
            raise DocumentError(f"{path} is a directory; name a file in it")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DocumentError(f"{path} has {size:,} bytes; Sidesight reads files of up to {MAX_BYTES:,}")
        with path.open("rb") as file:
            # One byte more than allowed: the file may grow, and a device or a pipe has no size.
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise DocumentError(f"{path} does not exist; check its name and the current directory") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = error.strerror if isinstance(error, OSError) else error
        raise DocumentError(f"{path} cannot be read: {reason}") from None
    return decode_document(path, data)


def decode_document(path: Path, data: bytes) -> Document:
    """`data` as the text of `path`. Raises DocumentError as `read_document`."""
    if len(data) > MAX_BYTES:
        raise DocumentError(f"{path} has over {MAX_BYTES:,} bytes, which is the most that Sidesight reads")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DocumentError(f"{path} is UTF-16 text; save it as UTF-8")
    if b"\0" in data:
        raise DocumentError(f"{path} is a binary file; name a text file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentError(f"{path} is not UTF-8 text (line {line}); save it as UTF-8") from None
    longest = max(map(len, text.split("\n")))
    if longest > MAX_LINE:
        raise DocumentError(f"{path} has a line of {longest:,} characters; Sidesight reads up to {MAX_LINE:,} in one")
    absolute = path.absolute()
    return Document(absolute.as_uri(), language_of(path, text.partition("\n")[0]), text, path=absolute)

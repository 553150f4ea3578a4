"""A GGUF file in the form that the OpenVINO engine maps into memory, made once and kept in the cache.

<cache_dir>/engines/<file>-<digest>/    digest: of the source's path, size and time of change, and of FORMAT
    weights.bin weights.json            quantized matrices and float32 vectors, by `packed`
    tokenizer.json
    model.json                          architecture and chat template
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from filelock import FileLock

from mmcore import config
from mmcore.errors import EngineRejected, EngineUnavailable
from mmcore.host.openvino import packed
from mmcore.host.openvino.architecture import Architecture, read_architecture
from mmcore.host.openvino.quantize import Floats, Quantized, quantize, quantize_coarsely
from mmcore.host.openvino.tokens import write_tokenizer

log = logging.getLogger(__name__)

# Raised whenever other bytes would be written for the same file.
FORMAT = 4

# Rows dequantized at a time: a vocabulary's matrix as float32 would be a gigabyte.
BLOCK_ROWS = 4096


@dataclass(frozen=True)
class Converted:
    """A folder that `convert` made: the graph's `Weights`, and what else an engine needs."""

    folder: Path

    @cached_property
    def _model(self) -> dict[str, Any]:
        model: dict[str, Any] = json.loads((self.folder / "model.json").read_text("utf-8"))
        return model

    @cached_property
    def _arrays(self) -> packed.Packed:
        return packed.Packed(self.folder / "weights.bin")

    @property
    def architecture(self) -> Architecture:
        return Architecture(**self._model["architecture"])

    @property
    def chat_template(self) -> str:
        template: str = self._model["chat_template"]
        return template

    @property
    def tokenizer(self) -> Path:
        return self.folder / "tokenizer.json"

    def matrix(self, name: str) -> Quantized:
        arrays = self._arrays
        return Quantized(arrays[f"{name}.codes"], arrays[f"{name}.scales"])

    def vector(self, name: str) -> Floats:
        return self._arrays[name]

    def drop(self) -> None:
        self._arrays.drop()


def convert(source: Path, on_progress: Callable[[float], None] = lambda share: None) -> Converted:
    """The converted form of a GGUF file, from the cache where it is there: half a minute otherwise.

    `on_progress` is told the share that is done. Raises EngineRejected for a file of which there is no such form, and
    EngineUnavailable where it cannot be written.
    """
    folder = _folder_of(source)
    if folder.exists():
        return Converted(folder)
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            if not folder.exists():
                _convert(source, folder, on_progress)
    except OSError as error:
        raise EngineUnavailable(f"{source.name} cannot be converted in {folder.parent}: {error}") from None
    return Converted(folder)


def _folder_of(source: Path) -> Path:
    state = source.stat()
    what = f"{source.resolve()}\n{state.st_size}\n{state.st_mtime_ns}\n{FORMAT}"
    return config.cache_dir() / "engines" / f"{source.stem}-{hashlib.sha256(what.encode()).hexdigest()[:12]}"


def _convert(source: Path, folder: Path, on_progress: Callable[[float], None]) -> None:
    """Into a folder of another name first: what is there under its own name is whole."""
    log.info("converting %s, once", source.name)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    file = _Source(source)
    architecture = read_architecture(file.field)
    write_tokenizer(file.field, partial / "tokenizer.json")
    with packed.Writer(partial / "weights.bin") as writer:
        _write_matrices(file, list(_matrices(architecture)), writer, on_progress)
        for name, parts in _vectors(architecture):
            writer.add(name, np.concatenate([file.vector(part) for part in parts]))
    model = {"architecture": asdict(architecture), "chat_template": file.field("tokenizer.chat_template")}
    (partial / "model.json").write_text(json.dumps(model), "utf-8")
    partial.replace(folder)
    for other in folder.parent.iterdir():
        if other != folder and re.fullmatch(rf"{re.escape(source.stem)}-[0-9a-f]{{12}}", other.name):
            shutil.rmtree(other, ignore_errors=True)


def _write_matrices(
    file: _Source, matrices: Sequence[_Matrix], writer: packed.Writer, on_progress: Callable[[float], None]
) -> None:
    # numpy computes on one core: a block of rows a thread.
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as threads:
        for done, matrix in enumerate(matrices):
            blocks = list(threads.map(lambda rows, form=matrix.form: form(rows()), file.blocks(matrix.parts)))
            writer.add(f"{matrix.name}.codes", np.concatenate([block.codes for block in blocks]))
            writer.add(f"{matrix.name}.scales", np.concatenate([block.scales for block in blocks]))
            on_progress((done + 1) / len(matrices))


class _Source:
    """A GGUF file: its metadata, and its tensors as float32 whatever they are kept as."""

    def __init__(self, path: Path) -> None:
        self._reader = gguf.GGUFReader(path)
        self._tensors = {tensor.name: tensor for tensor in self._reader.tensors}

    def field(self, name: str) -> Any:
        try:
            return self._reader.fields[name].contents()
        except KeyError:
            raise EngineRejected(f"the GGUF file does not state {name}") from None

    def vector(self, name: str) -> Floats:
        tensor = self._tensors[name]
        vector: Floats = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        return vector.astype(np.float32).reshape(-1)

    def blocks(self, names: Sequence[str]) -> Iterator[Callable[[], Floats]]:
        """The rows of these matrices, one below the other, some at a time."""
        for name in names:
            if name not in self._tensors:
                # Models whose output layer is their embedding keep it once.
                name = name.replace("output.weight", "token_embd.weight")
            tensor = self._tensors[name]
            for begin in range(0, len(tensor.data), BLOCK_ROWS):
                rows = tensor.data[begin : begin + BLOCK_ROWS]
                yield functools.partial(gguf.quants.dequantize, rows, tensor.tensor_type)


@dataclass(frozen=True, slots=True)
class _Matrix:
    """One of the graph's: the tensors that it is joined of, and the integers that it is kept in."""

    name: str
    parts: list[str]
    form: Callable[[Floats], Quantized] = quantize


def _matrices(architecture: Architecture) -> Iterator[_Matrix]:
    yield _Matrix("token_embd", ["token_embd.weight"])
    for layer in range(architecture.layers):
        block = f"blk.{layer}"
        yield _Matrix(f"{block}.attn_qkv", [f"{block}.attn_{part}.weight" for part in "qkv"])
        for name in ("attn_output", "ffn_gate", "ffn_up", "ffn_down"):
            yield _Matrix(f"{block}.{name}", [f"{block}.{name}.weight"])
    yield _Matrix("output", ["output.weight"])
    yield _Matrix("output.coarse", ["output.weight"], quantize_coarsely)


def _vectors(architecture: Architecture) -> Iterator[tuple[str, list[str]]]:
    for layer in range(architecture.layers):
        block = f"blk.{layer}"
        yield f"{block}.attn_qkv.bias", [f"{block}.attn_{part}.bias" for part in "qkv"]
        for name in ("attn_norm", "ffn_norm"):
            yield f"{block}.{name}", [f"{block}.{name}.weight"]
    yield "output_norm", ["output_norm.weight"]

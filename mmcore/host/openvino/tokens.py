"""Text to tokens and back, as llama.cpp does it for a GGUF file with a byte-level vocabulary."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from mmcore.errors import EngineRejected

# How text is cut into pieces before pairs are merged, by the name that GGUF files give it. Qwen2's `tokenizer.json`.
_CUTS = {
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
}
# llama.cpp's token types: 3 controls the conversation and is never text, 4 was added by the publisher and is text.
_CONTROL, _ADDED = 3, 4


def write_tokenizer(field: Callable[[str], Any], path: Path) -> None:
    """A GGUF file's tokenizer as a `tokenizer.json`, which loads 20 times faster. Raises EngineRejected for others."""
    cut = _CUTS.get(field("tokenizer.ggml.pre")) if field("tokenizer.ggml.model") == "gpt2" else None
    if cut is None:
        raise EngineRejected(f"the tokenizer {field('tokenizer.ggml.pre')} is not one that the OpenVINO engine has")
    texts, types = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.token_type")
    merges = [tuple(pair.split(" ", 1)) for pair in field("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE({text: number for number, text in enumerate(texts)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(cut), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds = [(text, kind) for text, kind in zip(texts, types, strict=True) if kind in (_CONTROL, _ADDED)]
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t, kind in kinds if kind == _ADDED])
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t, k in kinds if k == _CONTROL])
    tokenizer.save(str(path))


class Vocabulary:
    """The tokens of one model. `control` are those that end or structure a conversation and are never shown."""

    def __init__(self, path: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(path))
        added = self._tokenizer.get_added_tokens_decoder()
        self.control = frozenset(number for number, token in added.items() if token.special)
        self._spellings = [b""] * self._tokenizer.get_vocab_size()
        # Byte-level vocabularies write a byte as a printable character.
        byte_of = {ord(character): byte for byte, character in enumerate(_byte_alphabet())}
        for text, number in self._tokenizer.get_vocab(with_added_tokens=False).items():
            self._spellings[number] = text.translate(byte_of).encode("latin-1", "replace")
        for number, token in added.items():
            self._spellings[number] = b"" if token.special else token.content.encode()

    def encode(self, text: str, special: bool = True) -> list[int]:
        """`special`: whether `<|...|>` in the text are the model's own signs, or just what someone wrote."""
        self._tokenizer.encode_special_tokens = not special
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def number(self, text: str) -> int:
        """Of a token by its exact text. Raises KeyError."""
        number = self._tokenizer.token_to_id(text)
        if number is None:
            raise KeyError(text)
        return int(number)

    def bytes_of(self, token: int) -> bytes:
        """What a token adds to the text; nothing for control tokens and for numbers past the vocabulary."""
        return self._spellings[token] if token < len(self._spellings) else b""

    def beginning_with(self, start: bytes) -> list[int]:
        """Tokens that agree with `start` as far as both go: those that begin with it, and those that it begins with."""
        spellings, numbers = self._sorted
        longer = bisect.bisect_left(spellings, start)
        found = []
        while longer < len(spellings) and spellings[longer].startswith(start):
            found.append(numbers[longer])
            longer += 1
        for end in range(1, len(start)):
            place = bisect.bisect_left(spellings, start[:end])
            if place < len(spellings) and spellings[place] == start[:end]:
                found.append(numbers[place])
        return found

    @cached_property
    def _sorted(self) -> tuple[list[bytes], list[int]]:
        numbers = sorted(range(len(self._spellings)), key=self._spellings.__getitem__)
        return [self._spellings[number] for number in numbers], numbers


def _byte_alphabet() -> Iterator[str]:
    """GPT-2's character for each byte: itself where it prints, otherwise the next from 256 on."""
    printing = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = iter(range(256, 512))
    for byte in range(256):
        yield chr(byte if byte in printing else next(others))

"""A conversation as tokens, by the model's own chat template."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import NoReturn

from jinja2.sandbox import ImmutableSandboxedEnvironment

from mmcore.errors import EngineRejected
from mmcore.host.openvino.tokens import Vocabulary
from mmcore.types import Message


class ChatTemplate:
    """`source` is Jinja as the publisher wrote it; the sandbox keeps it from our objects."""

    def __init__(self, source: str, vocabulary: Vocabulary) -> None:
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = _refuse
        self._template = environment.from_string(source)
        self._vocabulary = vocabulary

    def tokens(self, messages: Sequence[Message]) -> list[int]:
        """Only the template makes special tokens.

        A file or a picture may contain `<|im_end|>`; as text of a message it must not end that message. So the template
        is applied to markers, and the messages are tokenized one by one as plain text.
        """
        marks = [secrets.token_hex(16) for _ in messages]
        turns = [{"role": m.role, "content": mark} for m, mark in zip(messages, marks, strict=True)]
        rest = self._template.render(messages=turns, add_generation_prompt=True, tools=None)
        tokens: list[int] = []
        for message, mark in zip(messages, marks, strict=True):
            before, _, rest = rest.partition(mark)
            tokens += self._vocabulary.encode(before)
            tokens += self._vocabulary.encode(message.content, special=False)
        return tokens + self._vocabulary.encode(rest)


def _refuse(reason: str) -> NoReturn:
    raise EngineRejected(f"the model's chat template refuses the conversation: {reason}")

"""Requests as what a model computes on: token ids and, where there are pictures, their pixels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jinja2
import torch

from mmcore.errors import EngineRejected
from mmcore.host.pictures import opened
from mmcore.host.transformers.loading import Loaded
from mmcore.types import Image, Message


@dataclass(frozen=True, slots=True)
class Prompt:
    """`pictures` are the hashes of its pictures, in order; `pictured` is how many tokens reach to the end of the last.

    `pixels` are what the model takes for the pictures as a whole (shapes differ by family), `marks` what it takes for
    each token beside the ids, of shape [1, tokens]. `workspace` is whose request it is.
    """

    ids: list[int]
    pictures: tuple[str, ...] = ()
    pictured: int = 0
    pixels: dict[str, torch.Tensor] = field(default_factory=dict)
    marks: dict[str, torch.Tensor] = field(default_factory=dict)
    workspace: str = ""


class Prompts:
    """Not for two threads at once: to encode changes the tokenizer's state."""

    def __init__(self, name: str, loaded: Loaded, most_pixels: int) -> None:
        self._name = name
        self._loaded = loaded
        self._most_pixels = most_pixels
        self._renderer: Any = loaded.processor or loaded.tokenizer
        special = [
            re.escape(token.content) for token in loaded.tokenizer.added_tokens_decoder.values() if token.special
        ]
        self._control = re.compile("|".join(special) or r"(?!)")

    def completion(self, text: str) -> Prompt:
        """Special tokens that stand in `text` are the caller's."""
        return Prompt(self._loaded.tokenizer(text)["input_ids"])

    def chat(self, messages: Sequence[Message]) -> Prompt:
        """By the model's own chat template, in which only the template makes special tokens.

        Raises EngineRejected for pictures that the model cannot see and for messages that its template refuses.
        """
        if self._renderer.chat_template is None:
            raise EngineRejected(f"{self._name} has no chat template; it can complete text but not answer")
        pictures = [image for message in messages for image in message.images]
        if pictures and self._loaded.processor is None:
            raise EngineRejected(f"{self._name} reads no pictures; choose a model with the role vision")
        try:
            encoded = self._encode(messages)
        except jinja2.TemplateError:
            # Templates of several families have no place for a system message.
            try:
                encoded = self._encode(_without_system(messages))
            except jinja2.TemplateError as error:
                raise EngineRejected(f"{self._name} cannot answer such a conversation: {error}") from None
        return self._prompt(encoded, pictures)

    def _encode(self, messages: Sequence[Message]) -> dict[str, torch.Tensor]:
        options: dict[str, Any] = {"tokenize": True, "return_dict": True, "return_tensors": "pt"}
        if self._loaded.processor is None:
            # Not every processor can do this.
            options["sanitize_control_tokens"] = True
        conversation = [self._turn(message) for message in messages]
        return dict(self._renderer.apply_chat_template(conversation, add_generation_prompt=True, **options))

    def _turn(self, message: Message) -> dict[str, Any]:
        if self._loaded.processor is None:
            return {"role": message.role, "content": message.content}
        # Parts even where there are no pictures: templates of these models go through a list.
        parts: list[dict[str, Any]] = [
            {"type": "image", "image": opened(image, self._most_pixels)} for image in message.images
        ]
        text = self._control.sub(lambda found: f"{found[0][0]}\u200d{found[0][1:]}", message.content)
        return {"role": message.role, "content": [*parts, {"type": "text", "text": text}]}

    def _prompt(self, encoded: dict[str, torch.Tensor], pictures: Sequence[Image]) -> Prompt:
        ids = encoded.pop("input_ids")
        # One sequence without padding: there is nothing to mask.
        encoded.pop("attention_mask", None)
        marks = {name: tensor for name, tensor in encoded.items() if tensor.shape == ids.shape}
        pixels = {name: tensor for name, tensor in encoded.items() if name not in marks}
        if not pictures:
            return Prompt(ids[0].tolist())
        config = self._loaded.model.config
        token = getattr(config, "image_token_id", None) or getattr(config, "image_token_index", None)
        places = (ids[0] == token).nonzero() if token is not None else None
        # A family that does not name its token has its pictures anywhere in the prompt, for all that we know.
        pictured = int(places[-1]) + 1 if places is not None and len(places) else ids.shape[1]
        return Prompt(ids[0].tolist(), tuple(image.sha256 for image in pictures), pictured, pixels, marks)


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """What the system says, at the head of the first thing that the user says."""
    said = "\n\n".join(message.content for message in messages if message.role == "system")
    rest = [message for message in messages if message.role != "system"]
    if rest and said:
        rest[0] = Message(rest[0].role, f"{said}\n\n{rest[0].content}", rest[0].images)
    return rest

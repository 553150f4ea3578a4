"""What llama.cpp's server is asked for, and how an answer that was paused goes on."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mmcore.types import Image


@dataclass(frozen=True)
class Prompt:
    """Text, in which special tokens count, and token ids; or, with `pictures` (base64), one text that marks them."""

    parts: tuple[str | int, ...]
    pictures: tuple[str, ...] = ()

    def followed_by(self, said: Said) -> Any:
        """As llama.cpp takes it, for what comes behind what was said."""
        if self.pictures:
            return {"prompt_string": f"{self.parts[0]}{said.text}", "multimodal_data": list(self.pictures)}
        prompt = [*self.parts, *said.parts]
        return prompt if len(prompt) > 1 else prompt[0]


class Said:
    """What an answer consists of so far, in a form that continues it: token ids, text where those are not known."""

    def __init__(self) -> None:
        self.text = ""
        self.parts: list[str | int] = []
        self.count = 0
        self._unheard: list[int] = []
        self._unheard_count = 0
        self._run_count = 0

    def hear(self, event: dict[str, Any]) -> int:
        """Take in an event; returns how many tokens are new.

        Text comes later than its tokens while it may be the beginning of a stop string, and the ids of all but the last
        token of a split character do not come at all.
        """
        new = event["tokens_predicted"] - self._run_count
        self._run_count += new
        self._unheard_count += new
        self._unheard += event.get("tokens", ())
        if event["content"] or event["stop"]:
            complete = len(self._unheard) == self._unheard_count
            self.parts += self._unheard if complete else [event["content"]]
            self.text += event["content"]
            self.count += self._unheard_count
            self._unheard, self._unheard_count = [], 0
        return int(new)

    def forget_unheard(self) -> None:
        """Tokens whose text did not come are generated again by the next run."""
        self._unheard, self._unheard_count, self._run_count = [], 0, 0


def encoded(images: Sequence[Image], most_pixels: int) -> list[str]:
    """As PNG, for llama.cpp reads fewer formats than we do."""
    # Not above: a host for text needs no Pillow.
    from mmcore.host.pictures import opened

    encoded = []
    for image in images:
        png = io.BytesIO()
        opened(image, most_pixels).convert("RGB").save(png, "PNG")
        encoded.append(base64.b64encode(png.getvalue()).decode())
    return encoded

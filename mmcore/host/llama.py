"""A GGUF model on llama.cpp, whose server is a child of the host behind a loopback port and a key of its own."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import httpx
import httpx_sse

from mmcore.config import HostSettings
from mmcore.engine import wire
from mmcore.engine.base import ChatRequest, CompletionRequest, Figures, Sampling
from mmcore.engine.turn import Paused, Turn
from mmcore.errors import EngineRejected, EngineUnavailable
from mmcore.host.llama_server import SLOTS, Order
from mmcore.types import Chunk, Usage

LEAVE_TIMEOUT_S = 5.0
SETTLE_POLL_S = 0.005


class LlamaEngine:
    """One model, loaded while it is constructed (seconds: call it in a thread). A `LocalEngine`.

    Its server is spoken to in llama.cpp's own API rather than OpenAI's: that one tells the tokens, so that a request
    that was paused goes on from exactly where it was, with its prompt still in the cache.
    """

    slots = SLOTS

    def __init__(self, name: str, path: Path, settings: HostSettings) -> None:
        self._name = name
        self._context_tokens = settings.context_tokens
        self.key = secrets.token_urlsafe(32)
        threads = settings.threads or os.cpu_count() or 1
        self._process, self.address = _start(path, Order(str(path), self.key, settings.context_tokens, threads))
        self._client = httpx.AsyncClient(
            base_url=self.address,
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=httpx.Timeout(None, connect=10.0),
            # It closes connections after a stream without saying so; a new one costs 0.2 ms.
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
        )
        self._delivered = 0
        self._open = 0
        self._settled = True

    def complete(self, request: CompletionRequest, turn: Turn | None = None) -> AsyncGenerator[Chunk, None]:
        return self._generate([request.prompt], request.sampling, request.logprobs, turn or Turn())

    async def chat(self, request: ChatRequest, turn: Turn | None = None) -> AsyncGenerator[Chunk, None]:
        if any(message.images for message in request.messages):
            raise EngineRejected(f"{self._name} reads no pictures; choose a model with the role vision")
        prompt = await self._render(request)
        async with aclosing(self._generate(prompt, request.sampling, False, turn or Turn())) as chunks:
            async for chunk in chunks:
                yield chunk

    async def models(self) -> tuple[str, ...]:
        return (self._name,)

    async def figures(self) -> Figures:
        """`surplus` by llama.cpp's own count of tokens, less those that were read; of its cache it tells nothing."""
        metrics = await self._client.get("/metrics")
        for line in metrics.text.splitlines():
            if line.startswith("llamacpp:tokens_predicted_total "):
                return Figures(max(0, int(float(line.split()[1])) - self._delivered))
        return Figures()

    def alive(self) -> bool:
        return self._process.poll() is None

    async def close(self) -> None:
        await self._client.aclose()
        await asyncio.to_thread(self.end)

    def end(self) -> None:
        """End its server, whoever may be waiting for it."""
        _end(self._process)

    async def _render(self, request: ChatRequest) -> list[str | int]:
        """The prompt by the model's own template, in which only the template makes special tokens.

        A file or a picture may contain `<|im_end|>`; as text of a message it must not end that message. So the template
        is applied to markers, and the messages are tokenized one by one as plain text.
        """
        marks = [secrets.token_hex(16) for _ in request.messages]
        messages = [{"role": m.role, "content": mark} for m, mark in zip(request.messages, marks, strict=True)]
        rest: str = (await self._ask("/apply-template", {"messages": messages}))["prompt"]
        prompt: list[str | int] = []
        for message, mark in zip(request.messages, marks, strict=True):
            before, _, rest = rest.partition(mark)
            body = {"content": message.content, "add_special": False, "parse_special": False}
            prompt += [before, *(await self._ask("/tokenize", body))["tokens"]]
        return [*prompt, rest]

    async def _generate(
        self, prompt: Sequence[str | int], sampling: Sampling, logprobs: bool, turn: Turn
    ) -> AsyncGenerator[Chunk, None]:
        said = _Said()
        usage = Usage()
        while True:
            await turn.wait()
            await self._settle()
            body = _body([*prompt, *said.parts], sampling, sampling.max_tokens - said.count, logprobs)
            try:
                async with aclosing(self._events(body)) as events:
                    while True:
                        async with turn.slice():
                            event = await anext(events, None)
                        if event is None:
                            raise EngineUnavailable(f"{self._name} stopped in mid-answer; ask again")
                        if progress := event.get("prompt_progress"):
                            if not usage.prompt_tokens:
                                usage = Usage(progress["total"], progress["cache"])
                            continue
                        self._delivered += said.hear(event)
                        finish_reason: wire.FinishReason | None = None
                        usage = replace(usage, completion_tokens=said.count)
                        if event["stop"]:
                            finish_reason = "length" if event["stop_type"] == "limit" else "stop"
                        if event["content"] or finish_reason:
                            probabilities = event.get("completion_probabilities", ())
                            numbers = tuple(item["logprob"] for item in probabilities)
                            yield Chunk(event["content"], finish_reason, usage, numbers)
                        if finish_reason:
                            return
            except Paused:
                said.forget_unheard()
                if said.count >= sampling.max_tokens:
                    yield Chunk("", "length", replace(usage, completion_tokens=said.count))
                    return

    async def _events(self, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        self._open += 1
        ended = False
        try:
            async with httpx_sse.aconnect_sse(self._client, "POST", "/completion", json=body) as source:
                if source.response.is_error:
                    await source.response.aread()
                    ended = True
                    raise self._refusal(source.response)
                async for sent in source.aiter_sse():
                    event = json.loads(sent.data)
                    if "error" in event:
                        raise EngineUnavailable(f"{self._name} failed: {wire.error_message(event)}")
                    ended = event["stop"]
                    yield event
        except httpx.TransportError as error:
            raise EngineUnavailable(f"{self._name} broke off ({error}); ask again") from None
        finally:
            self._open -= 1
            self._settled = self._settled and ended

    async def _settle(self) -> None:
        """Wait until closed requests have left their slots.

        They do so a token or two later. A request that continues one of them, as the next keystroke's does, would go to
        another slot meanwhile, and compute its whole prompt there.
        """
        while not self._settled:
            slots = await self._ask("/slots")
            if sum(slot["is_processing"] for slot in slots) <= self._open:
                self._settled = True
            else:
                await asyncio.sleep(SETTLE_POLL_S)

    async def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """What it answers to a body that is posted, or to a GET. Raises EngineRejected and EngineUnavailable."""
        try:
            response = await self._client.request("GET" if body is None else "POST", path, json=body)
        except httpx.TransportError as error:
            raise EngineUnavailable(f"{self._name} broke off ({error}); ask again") from None
        if response.is_error:
            raise self._refusal(response)
        return response.json()

    def _refusal(self, response: httpx.Response) -> EngineRejected | EngineUnavailable:
        data = response.json()
        if data.get("error", {}).get("type") == "exceed_context_size_error":
            return EngineRejected(
                f"the prompt has {data['error']['n_prompt_tokens']} tokens, {self._name} was loaded for "
                f"{self._context_tokens}; shorten it or raise host.context_tokens"
            )
        message = wire.error_message(data) or f"status {response.status_code}"
        kind = EngineRejected if response.status_code < 500 else EngineUnavailable
        return kind(f"{self._name} cannot answer: {message}")


class _Said:
    """What an answer consists of so far, in a form that continues it: token ids, text where those are not known."""

    def __init__(self) -> None:
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
            self.count += self._unheard_count
            self._unheard, self._unheard_count = [], 0
        return int(new)

    def forget_unheard(self) -> None:
        """Tokens whose text did not come are generated again by the next run."""
        self._unheard, self._unheard_count, self._run_count = [], 0, 0


def _start(path: Path, order: Order) -> tuple[subprocess.Popen[bytes], str]:
    """The process and the address of its server, once the model is loaded. Raises EngineUnavailable."""
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    # Detached from the terminal, whose Ctrl-C is for the host: that one ends its requests first.
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "mmcore.host.llama_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        **detached,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        process.stdin.flush()
        return process, str(json.loads(process.stdout.readline())["address"])
    except (OSError, ValueError):
        _end(process)
        raise EngineUnavailable(
            f"{path.name} cannot be loaded; `sidesight models verify` tells if it is whole"
        ) from None


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(LEAVE_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _body(prompt: list[str | int], sampling: Sampling, max_tokens: int, logprobs: bool) -> dict[str, Any]:
    return {
        "prompt": prompt if len(prompt) > 1 else prompt[0],
        "n_predict": max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        # Off, as in the API that we serve; llama.cpp's own defaults are not.
        "top_k": 0,
        "min_p": 0.0,
        "seed": -1 if sampling.seed is None else sampling.seed % (1 << 32),
        "stop": list(sampling.stop),
        "n_probs": int(logprobs),
        "stream": True,
        "return_tokens": True,
        # An event a batch: without one to write, it does not notice while it reads the prompt that we are gone.
        "return_progress": True,
        "cache_prompt": True,
    }

"""The host's HTTP, spoken to by those who do not keep to it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.hosting import RunningHost, running_host

COMPLETION = {"model": "scripted", "prompt": "def f("}
CHAT = {"model": "scripted", "messages": [{"role": "user", "content": "Hi."}]}
PATHS = ["/health", "/metrics", "/v1/models", "/v1/completions", "/v1/chat/completions", "/shutdown", "/nowhere"]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    with running_host(tmp_path_factory.mktemp("app")) as host:
        yield host


def refusal(response: httpx2.Response, status: int) -> str:
    assert response.status_code == status
    error = response.json()["error"]
    assert set(error) >= {"message", "type", "code"}
    assert "\n" not in error["message"]
    assert "Traceback" not in response.text
    return str(error["message"])


def events(response: httpx2.Response) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("key", [None, "Bearer wrong", "Basic abc", "Bearer", "\xe9"])
def test_nothing_is_shown_without_the_token(host: RunningHost, path: str, key: str | None) -> None:
    headers = {} if key is None else {"Authorization": key.encode("latin-1")}
    url = host.url.removesuffix("/v1") + path
    assert "token" in refusal(httpx2.get(url, headers=headers, trust_env=False), 401)
    assert "token" in refusal(httpx2.post(url, headers=headers, json=COMPLETION, trust_env=False), 401)


@pytest.mark.parametrize("name", ["evil.example.org", "evil.example.org:80", "127.0.0.1.evil.org", "[::2]:80", ""])
def test_a_name_that_was_rebound_to_loopback_is_refused(host: RunningHost, name: str) -> None:
    """Even with the token."""
    url = httpx2.URL(host.url.removesuffix("/v1") + "/health")
    headers = {"Host": name, "Authorization": f"Bearer {host.token}"}
    refusal(httpx2.get(url, headers=headers, trust_env=False), 403)


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST:1234", "127.0.0.1:99", "[::1]:8000", "[::1]"])
def test_loopback_names_are_let_in(host: RunningHost, name: str) -> None:
    headers = {"Host": name, "Authorization": f"Bearer {host.token}"}
    assert httpx2.get(host.url + "/models", headers=headers, trust_env=False).status_code == 200


def test_health_says_who_it_is_and_what_is_loaded(host: RunningHost) -> None:
    host.post("/v1/completions", json=COMPLETION)
    health = host.get("/health").json()
    assert health["pid"] == host.process.pid
    assert health["models"]["scripted"]["state"] == "ready"
    assert health["models"]["qwen2.5-coder-1.5b"]["state"] == "absent"


@pytest.mark.parametrize(("path", "body"), [("/v1/completions", COMPLETION), ("/v1/chat/completions", CHAT)])
def test_streamed_and_whole_answers_say_the_same(host: RunningHost, path: str, body: dict[str, Any]) -> None:
    whole = host.post(path, json=body).json()
    sent = events(host.post(path, json={**body, "stream": True, "stream_options": {"include_usage": True}}))
    text = {"text": whole["choices"][0].get("text"), "chat": whole["choices"][0].get("message", {}).get("content")}
    choices = [choice for event in sent for choice in event["choices"]]
    streamed = "".join(choice.get("text") or choice.get("delta", {}).get("content") or "" for choice in choices)
    assert streamed == (text["text"] or text["chat"])
    assert choices[-1]["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert sent[-1]["choices"] == []
    assert sent[-1]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]
    assert len({event["id"] for event in sent}) == 1


def test_usage_is_streamed_to_those_who_ask_for_it(host: RunningHost) -> None:
    sent = events(host.post("/v1/completions", json={**COMPLETION, "stream": True}))
    assert not any("usage" in event for event in sent)
    options = {"include_usage": True, "continuous_usage_stats": True}
    sent = events(host.post("/v1/completions", json={**COMPLETION, "stream": True, "stream_options": options}))
    counts = [event["usage"]["completion_tokens"] for event in sent]
    assert counts[0] == 1
    assert counts == sorted(counts)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"prompt": "x"}, "model"),
        ({"model": 5, "prompt": "x"}, "model"),
        ({"model": "scripted"}, "prompt"),
        ({"model": "scripted", "prompt": ["a", "b"]}, "prompt"),
        ({"model": "scripted", "prompt": [1, 2]}, "prompt"),
        ({**COMPLETION, "max_tokens": 0}, "max_tokens"),
        ({**COMPLETION, "max_tokens": "5"}, "max_tokens"),
        ({**COMPLETION, "max_tokens": True}, "max_tokens"),
        ({**COMPLETION, "max_tokens": 1.5}, "max_tokens"),
        ({**COMPLETION, "temperature": -1}, "temperature"),
        ({**COMPLETION, "top_p": 2}, "top_p"),
        ({**COMPLETION, "seed": "x"}, "seed"),
        ({**COMPLETION, "stop": 5}, "stop"),
        ({**COMPLETION, "stop": [5]}, "stop"),
        ({**COMPLETION, "stop": ["a"] * 65}, "stop"),
        ({**COMPLETION, "n": 2}, "n"),
        ({**COMPLETION, "logprobs": -1}, "logprobs"),
        ({**COMPLETION, "logprobs": "all"}, "logprobs"),
        ({**COMPLETION, "heal": 1}, "heal"),
        ({**COMPLETION, "prompt_cache_key": 1}, "prompt_cache_key"),
        ({**COMPLETION, "prompt_cache_key": "x" * 65}, "prompt_cache_key"),
    ],
)
def test_a_wrong_field_of_a_completion_is_refused_by_its_name(
    host: RunningHost, body: dict[str, Any], named: str
) -> None:
    assert f"`{named}`" in refusal(host.post("/v1/completions", json=body), 400)


@pytest.mark.parametrize(
    "messages",
    [
        None,
        [],
        "hi",
        ["hi"],
        [{"role": "user"}],
        [{"role": "robot", "content": "x"}],
        [{"role": ["user"], "content": "x"}],
        [{"role": "user", "content": 5}],
        [{"role": "user", "content": ["x"]}],
        [{"role": "user", "content": [{"type": "text"}]}],
        [{"role": "user", "content": [{"type": "audio", "text": "x"}]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": "data:"}]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,###"}}]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:text/html;base64,YQ=="}}]}],
    ],
)
def test_messages_that_are_none_are_refused(host: RunningHost, messages: object) -> None:
    refusal(host.post("/v1/chat/completions", json={"model": "scripted", "messages": messages}), 400)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"model": "scripted", "prompt": "\\ud800"}']
)
def test_what_is_not_a_json_object_is_refused(host: RunningHost, body: bytes) -> None:
    refusal(host.post("/v1/completions", content=body), 400)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=6,
)
FIELDS = ["model", "prompt", "messages", "max_tokens", "temperature", "stop", "seed", "stream", "stream_options", "n"]


@given(st.dictionaries(st.sampled_from(FIELDS), json_values), st.sampled_from([COMPLETION, CHAT, {}]))
@settings(max_examples=40, deadline=None)
def test_no_json_makes_it_fail(host: RunningHost, fields: dict[str, Any], base: dict[str, Any]) -> None:
    for path in ("/v1/completions", "/v1/chat/completions"):
        assert host.post(path, content=json.dumps({**base, **fields})).status_code in (200, 400, 404)


def test_an_unknown_model_is_not_found(host: RunningHost) -> None:
    assert "sidesight models list" in refusal(host.post("/v1/completions", json={"model": "x", "prompt": "y"}), 404)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/v1/completions", 405)])
def test_paths_and_methods_that_are_not_there_are_refused_as_the_api_does(
    host: RunningHost, method: str, path: str, status: int
) -> None:
    refusal(host.get(path), status)


def test_a_request_that_is_too_large_is_refused_before_it_is_sent(host: RunningHost) -> None:
    url = httpx2.URL(host.url)
    assert url.port is not None
    with socket.create_connection(("127.0.0.1", url.port)) as connection:
        head = (
            f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {host.token}\r\n"
            f"Content-Length: {1 << 40}\r\n\r\n"
        )
        connection.sendall(head.encode())
        assert connection.recv(64).startswith(b"HTTP/1.1 413 ")


def test_a_prompt_that_is_too_long_is_refused_with_the_limit(host: RunningHost) -> None:
    assert "8192" in refusal(host.post("/v1/completions", json={**COMPLETION, "prompt": "a " * 10_000}), 400)


def test_every_request_is_counted_once_however_it_ends(host: RunningHost) -> None:
    before = {outcome: host.metric("sidesight_requests_total", outcome=outcome) for outcome in ("done", "failed")}
    tokens = host.metric("sidesight_generated_tokens_total", model="scripted")
    usage = host.post("/v1/completions", json=COMPLETION).json()["usage"]
    host.post("/v1/completions", json={**COMPLETION, "prompt": "a " * 10_000})
    assert host.metric("sidesight_requests_total", outcome="done") == before["done"] + 1
    assert host.metric("sidesight_requests_total", outcome="failed") == before["failed"] + 1
    assert host.metric("sidesight_generated_tokens_total", model="scripted") == tokens + usage["completion_tokens"]
    assert host.metric("sidesight_resident_bytes") > 0


def test_a_client_that_leaves_stops_its_request_streamed_or_not(host: RunningHost) -> None:
    url = httpx2.URL(host.url)
    assert url.port is not None
    closed = host.metric("sidesight_requests_total", outcome="closed")
    for stream in (True, False):
        content = json.dumps({**COMPLETION, "prompt": "without end", "max_tokens": 100_000, "stream": stream})
        head = (
            f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {host.token}\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", url.port)) as connection:
            connection.sendall((head + content).encode())
            if stream:
                connection.recv(64)
        closed += 1
        assert host.settles("sidesight_requests_total", closed, outcome="closed")
        assert host.metric("sidesight_running") == 0
    assert host.metric("sidesight_generated_tokens_total") < 100_000


def test_missing_weights_are_a_conflict_that_says_how_to_get_them(tmp_path: Path) -> None:
    environment = {"SIDESIGHT_CACHE": str(tmp_path / "cache")}
    with running_host(tmp_path / "state", "auto", **environment) as host:
        body = {"model": "qwen2.5-coder-0.5b", "prompt": "x"}
        for _ in range(2):
            assert "models pull qwen2.5-coder-0.5b" in refusal(host.post("/v1/completions", json=body), 409)
        assert host.get("/health").json()["models"]["qwen2.5-coder-0.5b"]["state"] == "absent"

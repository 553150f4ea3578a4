from __future__ import annotations

from typing import Any

from mmcore.config import CompletionSettings, Settings

PULLS = {"workspace": {"configuration": True}}
REGISTERS = {"workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}}}


async def settings_in_force(editor: Any, script: Any) -> Settings:
    """Those that a request is answered with."""
    editor.open("x = ")
    await editor.ghost(0, 4)
    settings: Settings = script.opened[-1]
    return settings


def push(editor: Any, settings: Any) -> None:
    editor.notify("workspace/didChangeConfiguration", {"settings": settings})


async def test_initialization_options_are_settings(connect: Any, scripted: Any) -> None:
    script = scripted(lambda _: "1")
    editor = await connect(script, options={"sidesight": {"completion": {"max_tokens": 7}}})
    assert (await settings_in_force(editor, script)).completion.max_tokens == 7


async def test_bare_initialization_options_are_settings_and_foreign_keys_are_let_be(
    connect: Any, scripted: Any
) -> None:
    script = scripted(lambda _: "1")
    editor = await connect(script, options={"completion.max_tokens": 7, "token": "x", "editorInfo": {"name": "e"}})
    assert (await settings_in_force(editor, script)).completion.max_tokens == 7
    assert not editor.heard


async def test_pushed_settings_take_effect_at_the_next_request(connect: Any, scripted: Any) -> None:
    script = scripted(lambda _: "1")
    editor = await connect(script)
    await settings_in_force(editor, script)
    push(editor, {"sidesight": {"completion": {"max_tokens": 7}}})
    assert (await settings_in_force(editor, script)).completion.max_tokens == 7
    assert len(script.opened) == 2


async def test_settings_that_did_not_change_keep_the_assistant(connect: Any, scripted: Any) -> None:
    script = scripted(lambda _: "1")
    editor = await connect(script)
    await settings_in_force(editor, script)
    push(editor, {"sidesight": {"completion": {"max_tokens": CompletionSettings().max_tokens}}})
    await settings_in_force(editor, script)
    assert len(script.opened) == 1


async def test_setting_that_is_taken_back_has_its_default_again(connect: Any, scripted: Any) -> None:
    script = scripted(lambda _: "1")
    editor = await connect(script)
    push(editor, {"sidesight": {"completion": {"max_tokens": 7}}})
    assert (await settings_in_force(editor, script)).completion.max_tokens == 7
    push(editor, {"sidesight": {"completion": {"max_tokens": None}}})
    assert (await settings_in_force(editor, script)).completion.max_tokens == CompletionSettings().max_tokens


async def test_editor_that_can_be_asked_is_asked(connect: Any, scripted: Any) -> None:
    script = scripted(lambda _: "1")
    values = {"completion": {"max_tokens": 7}}
    editor = await connect(
        script,
        capabilities=PULLS,
        answers={"workspace/configuration": lambda params: [values for _ in params["items"]]},
    )
    await editor.until(lambda: editor.heard_of("workspace/configuration"))
    assert (await settings_in_force(editor, script)).completion.max_tokens == 7
    values["completion"]["max_tokens"] = 8
    push(editor, None)
    await editor.until(lambda: len(editor.heard_of("workspace/configuration")) == 2)
    assert (await settings_in_force(editor, script)).completion.max_tokens == 8
    assert editor.heard_of("workspace/configuration")[0] == {"items": [{"section": "sidesight"}]}


async def test_editor_is_asked_to_tell_of_changes(connect: Any, scripted: Any) -> None:
    editor = await connect(scripted([]), capabilities=REGISTERS, answers={"client/registerCapability": lambda _: None})
    (params,) = await editor.until(lambda: editor.heard_of("client/registerCapability"))
    (registration,) = params["registrations"]
    assert registration["method"] == "workspace/didChangeConfiguration"
    assert registration["registerOptions"] == {"section": "sidesight"}


async def test_editor_that_refuses_to_answer_leaves_the_settings_as_they_are(connect: Any, scripted: Any) -> None:
    script = scripted(lambda _: "1")
    editor = await connect(script, capabilities=REGISTERS)
    await editor.until(lambda: editor.heard_of("workspace/configuration"))
    assert (await settings_in_force(editor, script)).completion.max_tokens == CompletionSettings().max_tokens
    assert not editor.heard_of("window/showMessage")


async def test_problems_are_one_message_and_the_default(connect: Any, scripted: Any) -> None:
    script = scripted(lambda _: "1")
    editor = await connect(script)
    push(editor, {"sidesight": {"completion": {"max_tokens": "many", "colour": 1}}})
    (message,) = await editor.until(lambda: editor.heard_of("window/showMessage"))
    assert "completion.max_tokens must be a number" in message["message"]
    assert "there is no setting completion.colour" in message["message"]
    assert (await settings_in_force(editor, script)).completion.max_tokens == CompletionSettings().max_tokens


async def test_a_problem_is_shown_once(connect: Any, scripted: Any) -> None:
    script = scripted(lambda _: "1")
    editor = await connect(script, problems=["config.toml: there is no setting a.b"])
    for tokens in (7, 8):
        push(editor, {"sidesight": {"colour": 1, "completion": {"max_tokens": tokens}}})
        assert (await settings_in_force(editor, script)).completion.max_tokens == tokens
    assert [message["message"] for message in editor.heard_of("window/showMessage")] == [
        "Sidesight: config.toml: there is no setting a.b",
        "Sidesight: the editor's settings: there is no setting colour",
    ]


async def test_what_clients_keep_in_the_section_is_no_problem(connect: Any, scripted: Any) -> None:
    script = scripted(lambda _: "1")
    editor = await connect(script)
    push(editor, {"sidesight": {"trace": {"server": "off"}, "client": {"command": "x"}, "engine": {"url": None}}})
    await settings_in_force(editor, script)
    assert not editor.heard


async def test_workspace_folder_cannot_set_anything(connect: Any, scripted: Any, tmp_path: Any) -> None:
    (tmp_path / "config.toml").write_text('[engine]\nurl = "http://evil.example/v1"\n')
    (tmp_path / ".sidesight.toml").write_text('[engine]\nurl = "http://evil.example/v1"\n')
    script = scripted(lambda _: "1")
    editor = await connect(script, roots=[tmp_path])
    assert (await settings_in_force(editor, script)).engine.url == ""

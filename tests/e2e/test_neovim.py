"""A programmer in a real Neovim: types, sees ghost text, accepts it, asks about a picture and goes where it points."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import neovim
from tests.e2e.conftest import SAMPLE
from tests.e2e.neovim import Neovim, wait_for

READY = "#vim.lsp.get_clients({ bufnr = 0, name = 'sidesight' }) > 0"
CONVERSATION = "require('sidesight.answer').conversation(0)"
ANSWERED = f"({CONVERSATION} and not {CONVERSATION}.busy)"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = shutil.copytree(SAMPLE, tmp_path_factory.mktemp("workspace") / "shop with a space")
    (copy / ".git").mkdir()
    return copy


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a language server that finds a host which says what `ScriptedEngine` is told to."""
    environment = {"SIDESIGHT_STATE": str(tmp_path_factory.mktemp("scripted"))}
    with subprocess.Popen(
        [sys.executable, "-m", "mmcore.host", "--engine", "scripted"],
        env={**os.environ, **environment},
        stderr=subprocess.DEVNULL,
    ) as host:
        wait_for(Path(environment["SIDESIGHT_STATE"]) / "host.json")
        yield environment
        host.terminate()


@pytest.fixture(scope="module")
def running(workspace: Path, tmp_path_factory: pytest.TempPathFactory, scripted: dict[str, str]) -> Iterator[Neovim]:
    with neovim.running(workspace, tmp_path_factory.mktemp("home"), scripted) as editor:
        yield editor


@pytest.fixture
def editor(running: Neovim) -> Neovim:
    """One window on the file as it is on disk, and a server that has it."""
    running.type("<Esc>:silent only | silent %bwipeout! | edit shop/cart.py<CR>")
    running.until(f"vim.fn.expand('%:t') == 'cart.py' and {READY}")
    return running


def test_ghost_text_is_shown_while_typing_and_tab_accepts_it(editor: Neovim) -> None:
    before = editor.lines()
    editor.type("G$Areturn ")
    assert editor.until_ghost_text() == "total + 1  # Σ"
    assert editor.lines() == [*before[:-1], "    return "]
    editor.type("<Tab>")
    editor.until("vim.api.nvim_get_current_line() == '    return total + 1  # Σ'")
    assert editor.lines()[:-1] == before[:-1]
    assert editor.lua("vim.api.nvim_win_get_cursor(0)[2]") == len("    return total + 1  # Σ".encode())


def test_ghost_text_leaves_with_insert_mode(editor: Neovim) -> None:
    editor.type("G$Areturn ")
    editor.until_ghost_text()
    editor.type("<Esc>")
    editor.until("vim.api.nvim_get_mode().mode == 'n'")
    assert editor.ghost_text() == ""


def test_tab_without_ghost_text_is_a_tab(editor: Neovim) -> None:
    editor.type("ggO<Tab>x")
    editor.until("vim.endswith(vim.api.nvim_get_current_line(), 'x')")
    assert editor.lines()[0].isspace() is False
    assert editor.lines()[0][:-1].isspace()


def test_answer_about_a_picture_names_places_that_gf_goes_to(editor: Neovim, workspace: Path) -> None:
    editor.type(":Sidesight ask --image pictures/checkout-fails.png What fails here?<CR>")
    editor.until(ANSWERED)
    text = "\n".join(editor.lines())
    assert text.startswith("## What fails here?\n*pictures/checkout-fails.png*\n")
    assert "你好, **world**." in text
    assert "- shop/prices.py:7" in text
    places = editor.lua("vim.fn.getqflist()")
    assert [place["lnum"] for place in places][:1] == [7]
    editor.type(r"/^- shop.prices.py<CR>gf")
    editor.until("vim.fn.expand('%:t') == 'prices.py'")
    assert Path(editor.lua("vim.api.nvim_buf_get_name(0)")) == workspace / "shop/prices.py"
    assert editor.lua("vim.api.nvim_win_get_cursor(0)[1]") == 7


def test_picture_opens_the_place_that_it_points_to_and_leaves_its_error(editor: Neovim, workspace: Path) -> None:
    errors = "vim.tbl_map(function(d) return { d.lnum, d.message, d.source } end, vim.diagnostic.get(0))"
    editor.type(":Sidesight open_image pictures/checkout-fails.png<CR>")
    editor.until("vim.fn.expand('%:t') == 'prices.py'")
    assert Path(editor.lua("vim.api.nvim_buf_get_name(0)")) == workspace / "shop/prices.py"
    editor.until("vim.api.nvim_win_get_cursor(0)[1] == 7")
    editor.until("#vim.diagnostic.get(0) > 0")
    assert editor.lua(errors) == [[6, "KeyError: 'pear'", "sidesight (screenshot)"]]
    editor.until("#vim.fn.getqflist() == 3")
    editor.type(":Sidesight clear_images<CR>")
    editor.until("#vim.diagnostic.get(0) == 0")


def test_picture_that_points_nowhere_is_one_message(editor: Neovim) -> None:
    editor.type(":Sidesight open_image nowhere.png<CR>")
    editor.until("vim.fn.execute('messages'):find('nowhere.png does not exist') ~= nil")


def test_question_in_an_answer_goes_on_with_its_conversation(editor: Neovim) -> None:
    editor.type(":Sidesight ask What is this?<CR>")
    editor.until(ANSWERED)
    buffer = editor.lua("vim.api.nvim_get_current_buf()")
    first = editor.lua(f"{CONVERSATION}.id")
    editor.type(":Sidesight ask And then?<CR>")
    editor.until(f"{ANSWERED} and vim.fn.search('^## And then', 'nw') > 0")
    assert editor.lua("vim.api.nvim_get_current_buf()") == buffer
    assert first
    assert editor.lua(f"{CONVERSATION}.id") == first


def test_lines_of_a_range_go_along_with_the_question(editor: Neovim) -> None:
    third = editor.lines()[2]
    editor.type(":2,3Sidesight ask What is imported?<CR>")
    editor.until(ANSWERED)
    span = editor.lua(f"{CONVERSATION}.range")
    assert span == {"start": {"line": 1, "character": 0}, "end": {"line": 2, "character": len(third)}}


def test_failure_is_one_line_in_the_answer(editor: Neovim) -> None:
    editor.type(":Sidesight ask --image nowhere.png What fails here?<CR>")
    editor.until(ANSWERED)
    *_, empty, last = editor.lines()
    assert empty == ""
    assert "nowhere.png" in last


def test_question_without_a_file_starts_the_server(workspace: Path, tmp_path: Path, scripted: dict[str, str]) -> None:
    with neovim.running(workspace, tmp_path, scripted) as editor:
        editor.type(":Sidesight ask Are you there?<CR>")
        editor.until(ANSWERED)
        assert "你好, **world**." in "\n".join(editor.lines())


def test_restart_attaches_a_new_server(editor: Neovim) -> None:
    old = editor.lua("vim.lsp.get_clients({ name = 'sidesight' })[1].id")
    editor.type(":Sidesight restart<CR>")
    editor.until(f"{READY} and vim.lsp.get_clients({{ name = 'sidesight' }})[1].id ~= {old}")
    assert len(editor.lua("require('sidesight').status()")) == 1


def test_command_line_completes_subcommands_and_pictures(editor: Neovim) -> None:
    def completions(line: str) -> list[str]:
        return list(editor.lua(f"vim.fn.getcompletion({json.dumps(line)}, 'cmdline')"))

    assert completions("Sidesight c") == ["clear_images", "clear_review"]
    assert {"ask", "generate", "fix", "document", "test", "explain", "review", "status"} <= set(
        completions("Sidesight ")
    )
    assert completions("Sidesight open_image pict") == ["pictures/"]
    assert completions("Sidesight ask --") == ["--image"]
    assert completions("Sidesight ask --image pict") == ["pictures/"]
    assert completions("Sidesight ask --image pictures/") == ["pictures/checkout-fails.png"]


def test_wrong_subcommand_says_which_there_are(editor: Neovim) -> None:
    editor.type(":Sidesight dance<CR>")
    editor.until("vim.fn.execute('messages'):find('try ask, ') ~= nil")


def test_document_writes_into_the_file_what_its_checks_have_passed(editor: Neovim) -> None:
    before = editor.lines()
    row = next(number for number, line in enumerate(before, 1) if "def total" in line)
    editor.type(f":{row}<CR>:Sidesight document<CR>")
    editor.until(f"#vim.api.nvim_buf_get_lines(0, 0, -1, true) > {len(before)}")
    now = editor.lines()
    assert now[row].strip().startswith('"""')
    assert [line for line in now if line in before and line.strip()] == [line for line in before if line.strip()]
    editor.until("vim.fn.execute('messages'):find('document `total`: checked') ~= nil")


def test_explanation_streams_into_a_buffer(editor: Neovim) -> None:
    editor.type(":Sidesight explain<CR>")
    editor.until(ANSWERED)
    text = "\n".join(editor.lines())
    assert text.startswith("## explain shop/cart.py:1")
    assert "你好, **world**." in text


def test_action_without_a_file_is_one_message(editor: Neovim) -> None:
    editor.type(":enew<CR>:Sidesight review<CR>")
    editor.until("vim.fn.execute('messages'):find('open a file first') ~= nil")


# What a Neovim before 0.12 is to our client: no module for it, no capability sent.
NO_INLINE_COMPLETION = """
vim.lsp.inline_completion = false
local capabilities = vim.lsp.protocol.make_client_capabilities()
capabilities.textDocument.inlineCompletion = nil
vim.lsp.protocol.make_client_capabilities = function() return capabilities end
"""


def test_older_neovim_completes_the_whole_text(workspace: Path, tmp_path: Path, scripted: dict[str, str]) -> None:
    with neovim.running(workspace, tmp_path, scripted, NO_INLINE_COMPLETION) as editor:
        editor.type(":edit shop/cart.py<CR>")
        editor.until(READY)
        editor.type("G$Areturn <C-x><C-o>")
        editor.until("vim.api.nvim_get_current_line() == '    return total + 1  # Σ'")


def test_health_check_says_what_is_there(editor: Neovim) -> None:
    editor.type(":checkhealth sidesight<CR>")
    editor.until("vim.bo.filetype == 'checkhealth' and vim.fn.search('sidesight doctor') > 0")
    report = "\n".join(editor.lines())
    assert "this Neovim shows ghost text" in report
    assert f"{Path(sys.executable).parent / 'sidesight'}" in report


@pytest.mark.weights
def test_model_writes_the_line_that_is_missing(workspace: Path, tmp_path: Path, small_model: str) -> None:
    with neovim.running(workspace, tmp_path, {"SIDESIGHT_COMPLETION_MODEL": small_model}) as editor:
        editor.type(":edit shop/cart.py<CR>")
        editor.until(READY)
        editor.type("G$Areturn ")
        ghost = editor.until_ghost_text(seconds=180)
        assert "total" in ghost
        assert "percent" in ghost
        editor.type("<Tab>")
        editor.until(
            f"vim.endswith(table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, true), '\\n'), {json.dumps(ghost)})"
        )

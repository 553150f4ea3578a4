"""A model that learnt to see answers about pictures that it never saw, by all that a large one would use."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmcore import config
from mmcore.assistant import Question, open_assistant
from tests.vision import train
from tests.vision.scenes import Scene, Shape, picture, questions, scenes

NAME = "tiny-eyes"
# Outlives the run, so that it is trained once.
TRAINED = Path(__file__).parents[2] / "build" / "tiny-eyes"
ENTRY = '[[model]]\nname = "{name}"\nroles = ["chat", "vision"]\nprompt_format = "none"\npath = "{path}"\n'
ENOUGH = 0.95


@pytest.fixture(scope="module", autouse=True)
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The model in a catalog of the user's, and a state in which a host of its own is started when it is asked for."""
    if not (TRAINED / "config.json").exists():
        train.train(TRAINED, train.SECONDS)
    state = tmp_path_factory.mktemp("vision")
    (state / "models.toml").write_text(ENTRY.format(name=NAME, path=TRAINED.as_posix()), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIDESIGHT_STATE", str(state))
        patch.setenv("SIDESIGHT_CONFIG", str(state / "config.toml"))
        patch.setenv("SIDESIGHT_CHAT_MODEL", NAME)
        yield
        run("host", "--stop")


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", "lsp_server", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ).stdout


async def test_held_out_pictures_are_answered_right(tmp_path: Path) -> None:
    settings, problems = config.load()
    assert not problems
    assistant = open_assistant(settings)
    wrong, total = [], 0
    try:
        for number, (scene, image) in enumerate(itertools.islice(scenes(2, held_out=True), 10)):
            path = tmp_path / f"{number}.png"
            image.save(path)
            for question, right in questions(scene):
                answer = await assistant.ask(Question(question, images=(path,), roots=(tmp_path,)))
                total += 1
                if answer.text != right:
                    wrong.append((scene, question, answer.text))
    finally:
        await assistant.close()
    assert total >= 50
    assert len(wrong) <= (1 - ENOUGH) * total, wrong


def test_the_command_answers_by_what_it_sees(tmp_path: Path) -> None:
    drawn = {}
    for colour in ("red", "blue"):
        scene = Scene((Shape("circle", colour, "top left"), Shape("square", "black", "bottom right")))
        path = tmp_path / f"{colour}.png"
        picture(scene, random.Random(0)).save(path)
        drawn[colour] = json.loads(run("ask", "What colour is the circle?", "--image", str(path), "--json"))
    assert drawn["red"]["answer"] == "red"
    assert drawn["blue"]["answer"] == "blue"
    assert drawn["red"]["model"] == NAME
    assert drawn["red"]["sources"] == ["Picture red.png as it is"]

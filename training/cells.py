"""Train `mmcore/perception/cells.onnx`, the network that reads monospaced text, from rendered lines of code.

    python -m training.cells --fonts DIR… --text DIR… --checkpoint cells.pt --seconds 1200 [--slice 270]
    python -m training.cells --start mmcore/perception/cells.onnx --rate 1e-3 …      # goes on from a network
    python -m training.cells --checkpoint cells.pt --export mmcore/perception/cells.onnx

Needs torch, onnx, fonttools and Pillow, fonts and code; nothing else in the project needs this file to run. The shipped
network saw the monospaced fonts of Debian and of npm's @fontsource, and the code of Python, Perl, C, Go and TypeScript.
Its weights are 0.15 of the network before it and 0.85 of what training made of that (WiSE-FT, Wortsman et al. 2022).
"""

from __future__ import annotations

import argparse
import random
import time
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnx.numpy_helper
import torch
from torch import nn

from mmcore.perception import cells
from training.typeset import Fonts, Texts, render


def network() -> Network:
    return Network()


class Network(nn.Module):
    """Features of every cell on its own, then what its two neighbours on either side add to them."""

    def __init__(self) -> None:
        super().__init__()

        def block(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
            convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]

        self.look = nn.Sequential(
            *block(1, 16, 2), *block(16, 24, 1), *block(24, 48, 2), *block(48, 80, 2),
            nn.Flatten(), nn.Linear(80 * 4 * 3, 128), nn.ReLU(),
        )  # fmt: skip
        self.beside = nn.Sequential(nn.Conv1d(128, 128, 5, padding=2), nn.ReLU())
        self.name = nn.Linear(128, len(cells.CHARACTERS))

    def forward(self, seen: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """(cells, 1, height, width), the first of them blank, and (rows, columns) of numbers of cells."""
        features = self.look(seen)
        rows = features[places]
        return self.name(rows + self.beside(rows.transpose(1, 2)).transpose(1, 2))


class Exported(nn.Module):
    def __init__(self, body: Network) -> None:
        super().__init__()
        self.body = body

    def forward(self, seen: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.body(seen, places), 2)


def begin(model: Network, path: str) -> None:
    """Give `model` the weights of an exported network, in which the norms are folded into the convolutions.

    Symbols that `cells.SYMBOLS` has gained since, at its end, begin as OTHER, which the network called them.
    """
    graph = onnx.load(path).graph
    values = {item.name: torch.tensor(onnx.numpy_helper.to_array(item)) for item in graph.initializer}
    layers = [node for node in graph.node if node.op_type in ("Conv", "Gemm")]
    ours = [layer for layer in (*model.look, *model.beside) if isinstance(layer, nn.Conv2d | nn.Linear | nn.Conv1d)]
    norms = iter(layer for layer in model.look if isinstance(layer, nn.BatchNorm2d))
    with torch.no_grad():
        for layer, node in zip(ours, layers, strict=True):
            layer.weight.copy_(values[node.input[1]])
            if layer.bias is not None:
                layer.bias.copy_(values[node.input[2]])
            else:
                norm = next(norms)
                norm.running_var.fill_(1 - norm.eps)
                norm.bias.copy_(values[node.input[2]])
        weight = values[next(node for node in graph.node if node.op_type == "MatMul").input[1]].T
        bias = values["body.name.bias"]
        gained = len(cells.CHARACTERS) - len(bias)
        before = [*range(len(bias) - 2), *[len(bias) - 1] * gained, len(bias) - 2, len(bias) - 1]
        model.name.weight.copy_(weight[before])
        model.name.bias.copy_(bias[before])


def produce(fonts: Fonts, texts: Texts, seed: int, rows: int, queue) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**31)
    cv2.setNumThreads(1)
    while True:
        pairs = [render(fonts, texts) for _ in range(rows)]
        queue.put((np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])))


def batch(seen: np.ndarray, labels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Only the written cells, as the reader asks about."""
    target = torch.from_numpy(labels)
    written = target.ne(0) | (torch.rand(target.shape) < 0.02)
    places = torch.zeros_like(target)
    places[written] = torch.arange(1, int(written.sum()) + 1)
    images = torch.from_numpy(seen)[written][:, None].float() / 255
    images = torch.cat([torch.zeros_like(images[:1]), images])
    return images.contiguous(memory_format=torch.channels_last), places, torch.where(written, target, -100)


def train(chosen: argparse.Namespace) -> None:
    fonts, texts = Fonts(chosen.fonts, chosen.held_out), Texts(chosen.text)
    torch.set_num_threads(chosen.threads)
    model = network().to(memory_format=torch.channels_last)
    if chosen.start:
        begin(model, chosen.start)
        for layer in model.look:
            if isinstance(layer, nn.BatchNorm2d):
                layer.eval()  # there is nothing left to be normed
    optimiser = torch.optim.AdamW(model.parameters(), chosen.rate, weight_decay=1e-3)
    spent, steps = 0.0, 0
    checkpoint = Path(chosen.checkpoint)
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=False)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        spent, steps = state["spent"], state["steps"]
    context = get_context("fork")
    queue = context.Queue(12)
    producers = [
        context.Process(
            target=produce, args=(fonts, texts, time.time_ns() % 2**31 + n, chosen.rows, queue), daemon=True
        )
        for n in range(chosen.producers)
    ]
    for producer in producers:
        producer.start()
    started, losses, right, seen, waited = time.time(), [], 0, 0, 0.0
    while time.time() - started < chosen.slice and spent + time.time() - started < chosen.seconds:
        progress = (spent + time.time() - started) / chosen.seconds
        for group in optimiser.param_groups:
            group["lr"] = float(
                chosen.rate * min(1.0, (steps + 1) / 100) * (0.5 + 0.5 * np.cos(np.pi * progress)) + 2e-5
            )
        asked = time.time()
        rows, labels = queue.get()
        waited += time.time() - asked
        images, places, target = batch(rows, labels)
        with torch.autocast("cpu", torch.bfloat16, enabled=chosen.bfloat16):
            scores = model(images, places)
        loss = nn.functional.cross_entropy(scores.float().flatten(0, 1), target.flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        steps += 1
        losses.append(loss.item())
        full = target > 0
        right += int(((scores.argmax(2) == target) & full).sum())
        seen += int(full.sum())
        if steps % 50 == 0:
            passed = spent + time.time() - started
            print(
                f"{passed:6.0f} s  step {steps}  loss {np.mean(losses):.4f}  right {right / seen:.5f}",
                flush=True,
            )
            losses, right, seen = [], 0, 0
    for producer in producers:
        producer.terminate()
    spent += time.time() - started
    torch.save(
        {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "spent": spent, "steps": steps}, checkpoint
    )


def export(chosen: argparse.Namespace) -> None:
    model = network()
    model.load_state_dict(torch.load(chosen.checkpoint, weights_only=False)["model"])
    example = (torch.zeros(5, 1, cells.HEIGHT, cells.CELL + 2 * cells.RIM), torch.ones(2, 3, dtype=torch.int64))
    torch.onnx.export(
        Exported(model).eval(),
        example,
        chosen.export,
        input_names=["cells", "places"],
        output_names=["probabilities"],
        dynamic_axes={
            "cells": {0: "count"},
            "places": {0: "rows", 1: "columns"},
            "probabilities": {0: "rows", 1: "columns"},
        },
        opset_version=17,
        dynamo=False,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fonts", nargs="*", default=["/usr/share/fonts"])
    parser.add_argument("--text", nargs="*", default=["/usr/lib/python3"])
    parser.add_argument("--held-out", default="", help="parts of font names that are left out, to judge with")
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--start", default="", help="a network to begin with")
    parser.add_argument("--rate", type=float, default=3e-3, help="learning rate at its highest")
    parser.add_argument("--seconds", type=float, default=1200, help="training time in all")
    parser.add_argument("--slice", type=float, default=1e9, help="stop after this many seconds; a later call goes on")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--producers", type=int, default=1)
    parser.add_argument("--rows", type=int, default=24, help="rows of a step")
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--export", default="")
    arguments = parser.parse_args()
    export(arguments) if arguments.export else train(arguments)

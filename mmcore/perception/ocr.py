"""Text detection and recognition with the PP-OCRv6 models that the rapidocr wheel carries; nothing is ever downloaded.

The recogniser is called directly: the columns where it saw each character are needed, and rapidocr does not say them.
Input and normalisation follow rapidocr 3.10 (Apache-2.0).
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Box = tuple[int, int, int, int]

THREADS = 2
HEIGHT = 48
STRIDE = 8
# One batch is padded to its widest row: wide and short rows are not mixed beyond this many pixels of padding.
BATCH_PIXELS = 48 * 6000


@dataclass(frozen=True, slots=True)
class Glyph:
    """A character and where it stands: `x` is its centre; `others` what else it may be, where the reader says so."""

    text: str
    score: float
    x: float
    others: tuple[tuple[str, float], ...] = ()


def recognise(strips: Sequence[Pixels]) -> list[tuple[Glyph, ...]]:
    """The characters in each strip (height, width, 3; one line of text each), spaces included, left to right."""
    found: list[tuple[Glyph, ...]] = [()] * len(strips)
    widths = [max(16, round(strip.shape[1] * HEIGHT / strip.shape[0])) for strip in strips]
    order = sorted(range(len(strips)), key=widths.__getitem__)
    while order:
        batch = [order.pop()]
        widest = widths[batch[0]]
        while order and (len(batch) + 1) * widest * HEIGHT <= BATCH_PIXELS and widths[order[-1]] > 0.7 * widest:
            batch.append(order.pop())
        tensor = np.zeros((len(batch), 3, HEIGHT, -(-widest // STRIDE) * STRIDE), np.float32)
        for row, index in enumerate(batch):
            resized = cv2.resize(strips[index], (widths[index], HEIGHT))
            tensor[row, :, :, : widths[index]] = resized.transpose(2, 0, 1) / 127.5 - 1.0
        probabilities = _recogniser().run(None, {"x": tensor})[0]
        for row, index in enumerate(batch):
            scale = strips[index].shape[1] / widths[index]
            found[index] = _decode(probabilities[row], scale)
    return found


def _decode(probabilities: NDArray[np.float32], scale: float) -> tuple[Glyph, ...]:
    """Greedy CTC: runs of one class, blanks dropped. (Graves et al., 2006)"""
    alphabet = _alphabet()
    best = probabilities.argmax(1)
    glyphs: list[Glyph] = []
    start = 0
    for stop in range(1, len(best) + 1):
        if stop < len(best) and best[stop] == best[start]:
            continue
        if best[start]:
            peak = start + int(probabilities[start:stop, best[start]].argmax())
            centre = (start + stop) / 2 * STRIDE * scale
            glyphs.append(Glyph(alphabet[best[start]], float(probabilities[peak, best[start]]), centre))
        start = stop
    return tuple(glyphs)


def detect(picture: Pixels) -> list[Box]:
    """Boxes (left, top, right, bottom) around runs of text, top to bottom, in pixels."""
    boxes = _detector()(picture).boxes
    if boxes is None:
        return []
    height, width = picture.shape[:2]
    found = []
    for corners in boxes:
        left, top = np.floor(corners.min(0)).astype(int)
        right, bottom = np.ceil(corners.max(0)).astype(int)
        box = (max(0, int(left)), max(0, int(top)), min(width, int(right)), min(height, int(bottom)))
        if box[2] - box[0] >= 2 and box[3] - box[1] >= 2:
            found.append(box)
    return found


@cache
def _models() -> Path:
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'rapidocr'", name="rapidocr")
    return Path(spec.submodule_search_locations[0]) / "models"


def _session(name: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.log_severity_level = 4
    # The arena keeps the largest picture's memory for ever.
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(str(_models() / name), options, providers=["CPUExecutionProvider"])


@cache
def _recogniser() -> onnxruntime.InferenceSession:
    return _session("PP-OCRv6_rec_small.onnx")


@cache
def _alphabet() -> tuple[str, ...]:
    characters = _recogniser().get_modelmeta().custom_metadata_map["character"].splitlines()
    return ("", *characters, " ")


@cache
def _detector() -> Any:
    from omegaconf import OmegaConf
    from rapidocr.ch_ppocr_det import TextDetector
    from rapidocr.utils.typings import EngineType

    # Values of rapidocr's own config.yaml; a session of ours, so that no model is looked for elsewhere.
    logging.getLogger("RapidOCR").setLevel(logging.WARNING)
    settings: Any = OmegaConf.create(
        {
            "engine_type": EngineType.ONNXRUNTIME,
            "session": _session("PP-OCRv6_det_small.onnx"),
            # Only ever smaller: rapidocr enlarges a long strip until its short side is 736, to many megapixels.
            "limit_side_len": 1600,
            "limit_type": "max",
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "thresh": 0.3,
            "box_thresh": 0.5,
            "unclip_ratio": 1.6,
            "use_dilation": True,
        },
        flags={"allow_objects": True},
    )
    return TextDetector(settings)

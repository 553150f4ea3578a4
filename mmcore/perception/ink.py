"""Separate what is written from what it is written on, in any theme: light, dark, selected, highlighted."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Ink = NDArray[np.float32]

# Colours this close, of 255, are the same surface: gradients and JPEG blocks stay below, text does not.
SAME = 7
# A surface is where a disc of this radius fits: wider than the inside of a stroke, narrower than a space.
RADIUS = 2.2
SMALLEST_SURFACE = 24
NEAR = 15  # pixels


def find_ink(picture: Pixels) -> tuple[Ink, Pixels]:
    """Distance of every pixel from the surface behind it, 0..1 (height, width), and that surface's colour (…, 3).

    Surfaces are flat areas wide enough to write on; every other pixel belongs to the nearest one. Where two surfaces
    are near, one belongs to that of its own colour which it touches: what letters close in at the edge of a bar.
    """
    kernel = np.ones((3, 3), np.uint8)
    contrast = cv2.dilate(picture, kernel) - cv2.erode(picture, kernel)
    flat = (contrast.max(2) <= SAME).astype(np.uint8)
    # The frame of the picture is no edge of a surface.
    padded = cv2.copyMakeBorder(flat, 8, 8, 8, 8, cv2.BORDER_REPLICATE)
    room = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[8:-8, 8:-8]
    count, labels, stats, _ = cv2.connectedComponentsWithStats(flat, connectivity=4)
    surface = np.zeros(count, bool)
    surface[labels[room >= RADIUS]] = True
    surface &= stats[:, cv2.CC_STAT_AREA] >= SMALLEST_SURFACE
    surface[0] = False
    on_surface = surface[labels]
    if not on_surface.any():
        background = np.broadcast_to(np.median(picture, (0, 1)).astype(np.uint8), picture.shape)
    else:
        _, nearest = cv2.distanceTransformWithLabels(
            (~on_surface).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
        )
        colours = np.zeros((int(nearest.max()) + 1, 3), np.uint8)
        colours[nearest[on_surface]] = picture[on_surface]
        background = _grown(picture, colours[nearest], on_surface)
    ink = cv2.absdiff(picture, np.ascontiguousarray(background)).max(2).astype(np.float32) / 255
    return ink, background


def _grown(picture: Pixels, nearest: Pixels, known: NDArray[np.bool_]) -> Pixels:
    """`nearest`, the surface behind every pixel (height, width, 3), with those grown that are `known` to be surface."""
    kernel = np.ones((NEAR, NEAR), np.uint8)
    between = (cv2.dilate(nearest, kernel) - cv2.erode(nearest, kernel)).max(2) > SAME
    height, width = known.shape
    background, known = nearest.copy(), known | ~between
    ys, xs = np.nonzero(~known)
    for _ in range(NEAR):
        found = np.zeros(len(ys), bool)
        for down, right in ((0, -1), (0, 1), (-1, 0), (1, 0)):
            y, x = np.clip(ys + down, 0, height - 1), np.clip(xs + right, 0, width - 1)
            colours = background[y, x]
            alike = np.abs(picture[ys, xs].astype(np.int16) - colours).max(1) <= SAME
            grows = known[y, x] & alike & ~found
            background[ys[grows], xs[grows]] = colours[grows]
            found |= grows
        if not found.any():
            break
        known[ys[found], xs[found]] = True
        ys, xs = ys[~found], xs[~found]
    return background

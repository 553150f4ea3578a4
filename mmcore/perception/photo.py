"""Tell photographs from what a computer draws: no two neighbouring pixels of a photograph are quite the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmcore.perception.ink import Pixels

# Share of neighbouring pixels, outside of what was read, that are equal: .5 and more in what is drawn, with gradients
# and after JPEG too.
MOST_EQUAL = 0.35
SMALLEST = 64  # pixels of each side: icons and strips are no photographs


def is_photo(picture: Pixels, texts: Sequence[tuple[int, int, int, int]]) -> bool:
    height, width = picture.shape[:2]
    if min(height, width) < SMALLEST:
        return False
    step = np.abs(np.diff(picture.astype(np.int16), axis=1)).max(2)
    equal = step == 0
    outside = np.ones(equal.shape, bool)
    for left, top, right, bottom in texts:
        outside[top:bottom, left:right] = False
    return bool(outside.mean() > 0.3 and equal[outside].mean() < MOST_EQUAL)

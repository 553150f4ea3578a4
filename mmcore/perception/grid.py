"""Find the rows and columns of monospaced text: where lines stand, how wide a character is, where the first begins."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Ink = NDArray[np.float32]
Profile = NDArray[np.float64]

# Width of a character by height of a line, in every monospaced font and editor: 0.5 em on 2 em to 0.65 em on 1 em.
NARROWEST, WIDEST = 0.24, 0.72
# Of a row's height, what belongs to it above and below its baseline.
ABOVE, BELOW = 0.76, 0.26
# Height of a line by that of a small letter: 1.0 to 2.0 em by 0.45 to 0.55 em.
LOOSEST = 4.4
# In a lattice that is right and wider than this, no capital letter reaches up to the middle between two lines.
CLOSEST, FEWEST_BETWEEN = 3.5, 2
# Width of a cell by that of a letter: 1.1 to 1.5 in most fonts.
LOOSEST_PITCH = 1.9
MOST_VOTES = 0.25  # share of the letters that may have one width
# Share of the average ink that may stand on the borders of cells; proportional text has more wherever they are put.
MOST_ON_BORDERS = 0.85
# Share of the width that a line takes at least which is no sign of a terminal's, and pixels.
WIDEST_RULE, THICKEST_RULE = 0.7, 4
NARROWEST_FRAME = 0.5  # of the width
# Of a cell that the rim cuts, what must be seen of it.
LEAST_SEEN = 0.3


@dataclass(frozen=True, slots=True)
class Rows:
    """Baselines in pixels, top to bottom, `height` apart (rounded by the renderer, so each is measured)."""

    baselines: tuple[int, ...]
    height: float


@dataclass(frozen=True, slots=True)
class Columns:
    """Cells of `pitch` pixels; the first begins at x = `phase`, left of 0 where the rim cuts it; `on_borders`: share of
    the average ink that stands between cells.
    """

    pitch: float
    phase: float
    on_borders: float


def mask_of(ink: Ink) -> NDArray[np.uint8]:
    """1 where there is writing: at a third of the contrast that the strongest stroke nearby has."""
    nearby = cv2.dilate(ink, np.ones((9, 15), np.uint8))
    mask: NDArray[np.uint8] = (ink > np.maximum(0.06, 0.3 * nearby)).astype(np.uint8)
    return mask


def without_rules(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`mask` without the lines that frame and divide: much longer than a character is high, and thin."""
    heights = cv2.connectedComponentsWithStats(mask, connectivity=8)[2][1:, cv2.CC_STAT_HEIGHT]
    longest = round(max(48.0, 6 * float(np.median(heights)) if len(heights) else 0.0))
    kept = _without_high(mask, longest, NARROWEST_FRAME * mask.shape[1])
    # Writing may touch a frame of the whole picture.
    kept[_lines(kept, (1, longest)) | _lines(kept, (round(WIDEST_RULE * mask.shape[1]), 1))] = 0
    return _without_high(kept, longest, np.inf)


def _without_high(mask: NDArray[np.uint8], most: int, widest: float) -> NDArray[np.uint8]:
    """`mask` without what is higher than `most` and no wider than `widest`, in pixels."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    high = (stats[:, cv2.CC_STAT_HEIGHT] > most) & (stats[:, cv2.CC_STAT_WIDTH] <= widest)
    high[0] = False
    kept: NDArray[np.uint8] = np.where(high[labels], 0, mask).astype(np.uint8)
    return kept


def _lines(mask: NDArray[np.uint8], least: tuple[int, int]) -> NDArray[np.bool_]:
    """What is at least so many pixels wide and high and, one of both, at most a few."""
    # An odd kernel: it does not move what it leaves.
    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((least[1] | 1, least[0] | 1), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    thin = np.minimum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) <= THICKEST_RULE
    thin[0] = False
    lines: NDArray[np.bool_] = thin[labels]
    return lines


def find_rows(mask: NDArray[np.uint8]) -> Rows | None:
    """The lattice on which most lines of text stand; None when there is no such lattice.

    Letters end on the baseline: there the amount of ink drops. The lattice whose lines meet most of these drops, less
    what as many lines would meet by chance, is the one.
    """
    profile = mask.sum(1, dtype=np.float64)
    following = np.append(profile[1:], 0)
    # The root, so that one ruler of equals signs does not outweigh ten lines of text; and how much of the ink ends,
    # because below the tops of small letters there is less ink too.
    drop = np.sqrt(np.clip(profile - following, 0, None)) * np.clip(1 - following / np.maximum(profile, 1), 0, 1)
    total = drop.sum()
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    heights = stats[1:, cv2.CC_STAT_HEIGHT]
    heights = heights[heights >= 4]
    if total == 0 or len(heights) < 4 or count < 4:
        return None
    letter = float(np.median(heights))
    soft = np.convolve(drop, (0.6, 1.0, 0.6), "same")
    best, found = -np.inf, (0.0, 0.0)
    size = len(soft)
    chance = soft.mean()
    for height in np.arange(max(7.0, 1.35 * letter), min(6.0 * letter, size / 1.5), 0.05):
        phases = np.arange(0, height, 1.0)
        lines = np.arange(0, int(size / height) + 1)
        at = np.rint(phases[:, None] + lines[None, :] * height).astype(int)
        inside = at < size
        met = np.where(inside, soft[np.minimum(at, size - 1)], 0).sum(1) - chance * inside.sum(1)
        index = int(met.argmax())
        if met[index] > best:
            best, found = float(met[index]), (float(height), float(phases[index]))
    if best < 0.1 * total:
        return None
    height, phase = found
    if height > LOOSEST * letter or (height > CLOSEST * letter and _is_written_between(profile, drop, found, letter)):
        # Every other line is empty, or has only marks without a foot: the lattice of the rest is twice too wide.
        height /= 2
    phase = _vote(drop, height, _vote(drop, height, phase))
    baselines = []
    for line in range(int((size - phase) / height) + 1):
        at = round(phase + line * height)
        near = range(max(0, at - 1), min(size, at + 2))
        strongest = max(near, key=lambda y: drop[y], default=at)
        baselines.append(strongest + 1 if drop[strongest] > 1.5 else at + 1)
    return Rows(tuple(baselines), height)


def _is_written_between(profile: Profile, drop: Profile, lattice: tuple[float, float], letter: float) -> bool:
    """Whether letters stand halfway between the lines of a lattice, on more than one line."""
    height, phase = lattice
    found = 0
    for line in range(-1, int((len(drop) - phase) / height)):
        foot = round(phase + (line + 0.5) * height)
        body = profile[max(0, round(foot - 0.8 * letter)) : max(0, foot)]
        found += bool(len(body)) and bool(body.all()) and bool(drop[max(0, foot - 1) : foot + 2].any())
    return found >= FEWEST_BETWEEN


def _vote(drop: Profile, height: float, phase: float) -> float:
    """The phase on which the rows agree, each with one vote: a ruler drawn across the page has no more than a word."""
    above, below = round(ABOVE * height), round(BELOW * height)
    votes = np.zeros(above + below)
    for line in range(int((len(drop) - phase) / height) + 1):
        at = round(phase + line * height)
        window = drop[max(0, at - above) : at + below]
        if at >= above and len(window) == len(votes) and window.sum() > 0:
            votes += window / window.sum()
    if not votes.any():
        return phase
    soft = np.convolve(votes, (0.5, 1.0, 0.5), "same")
    return (phase + int(soft.argmax()) - above) % height


def find_columns(mask: NDArray[np.uint8], row_height: float) -> Columns | None:
    """The pitch and phase whose cell borders have least ink on them; None when no grid fits."""
    profile = mask.sum(0, dtype=np.float64)
    used = np.flatnonzero(profile)
    if len(used) == 0 or used[-1] - used[0] < 4 * NARROWEST * row_height:
        return None
    first, last = int(used[0]), int(used[-1]) + 1
    profile = profile[first:last]
    average = profile.mean()
    # A few columns with very much ink (the stems of an indented block) must not decide alone.
    profile = np.minimum(profile, 4 * average)
    soft = np.convolve(profile, (0.25, 0.5, 0.25), "same")
    candidates = []
    width = last - first
    pitch = max(3.0, NARROWEST * row_height)
    while pitch < WIDEST * row_height:
        score, phase = best_phase(soft, pitch, 0.5)
        candidates.append((score / average, pitch, phase))
        pitch += max(0.004, 0.35 * pitch / max(1.0, width / pitch))
    loosest = LOOSEST_PITCH * _letter_width(mask)
    candidates = [candidate for candidate in candidates if candidate[1] <= loosest] or candidates
    least = min(candidate[0] for candidate in candidates)
    # Every second border fits as well as every one does: of those that fit, the narrowest.
    fitting = [c for c in candidates if c[0] <= least + 0.12]
    narrowest = min(fitting, key=lambda c: c[1])
    near = [c for c in candidates if abs(c[1] - narrowest[1]) < 0.05 * narrowest[1]]
    _, pitch, _ = min(near)
    step = 0.35 * pitch / max(1.0, width / pitch)
    fine = []
    broad = np.convolve(soft, _triangle(0.35 * pitch), "same")
    for offset in np.linspace(-2 * step, 2 * step, 41):
        score, _ = best_phase(soft, pitch + offset, 0.25)
        broad_score, phase = best_phase(broad, pitch + offset, 0.25)
        fine.append((score + broad_score, pitch + offset, phase, score))
    _, pitch, phase, score = min(fine)
    if score / average > MOST_ON_BORDERS:
        return None
    phase = (first + phase) % pitch
    if phase - first > LEAST_SEEN * pitch:
        phase -= pitch  # terminals begin at the rim, which may cut the first cell
    return Columns(float(pitch), float(phase), float(score / average))


def _letter_width(mask: NDArray[np.uint8]) -> float:
    """The typical width of what is as high as a letter, in pixels."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    width, height = stats[1:count, cv2.CC_STAT_WIDTH], stats[1:count, cv2.CC_STAT_HEIGHT]
    high = height >= 4
    if not high.any():
        return float(mask.shape[1])
    widths, counts = np.unique(width[high & (height >= np.median(height[high]))], return_counts=True)
    # A ruler of slashes must not decide alone.
    return float(np.median(np.repeat(widths, np.minimum(counts, math.ceil(MOST_VOTES * counts.sum())))))


def best_phase(profile: Profile, pitch: float, step: float) -> tuple[float, float]:
    """Least mean of `profile` on a comb of this pitch, and where that comb begins."""
    phases = np.arange(0, pitch, step)
    teeth = np.arange(0, int(len(profile) / pitch) + 1)
    at = phases[:, None] + teeth[None, :] * pitch - 0.5
    low = np.floor(at).astype(int)
    share = at - low
    inside = (low >= 0) & (low + 1 < len(profile))
    low = np.clip(low, 0, len(profile) - 2)
    values = np.where(inside, profile[low] * (1 - share) + profile[low + 1] * share, 0)
    means = values.sum(1) / np.maximum(1, inside.sum(1))
    index = int(means.argmin())
    return float(means[index]), float(phases[index])


def _triangle(half_width: float) -> Profile:
    reach = max(1, round(half_width))
    weights = np.concatenate([np.arange(1, reach + 1), np.arange(reach - 1, 0, -1)]).astype(np.float64)
    normal: Profile = weights / weights.sum()
    return normal

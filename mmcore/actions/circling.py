"""Notice an answer that goes in circles, which small models do until the limit of tokens."""

from __future__ import annotations

# Characters of the piece that is said over and over; how often, and how long all of it is at least.
LONGEST, TIMES, LEAST = 400, 4, 240


def goes_in_circles(text: str) -> bool:
    """Whether `text` ends in one piece, said over and over."""
    for period in range(1, min(LONGEST, len(text) // TIMES) + 1):
        times = max(TIMES, -(-LEAST // period))
        # Compared with itself, shifted: what is equal has this period.
        if text[-period * times :] == text[-period:] * times:
            return True
    return False

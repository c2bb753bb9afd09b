"""Whetstone's random streams and dropout masks (src/random.ts, src/engine/dropout.ts), many numbers at a time.

xoshiro128** is linear over GF(2), so that lanes which each begin so many steps after the one before can be started by
matrix products, and then stepped side by side.
"""

from __future__ import annotations

import functools
import math

import numpy as np

GOLDEN = 0x9E3779B97F4A7C15
MASK64 = (1 << 64) - 1
LANES = 4096
MOST_AHEAD = 1 << 21


def mix64(z: int) -> int:
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
    return z ^ (z >> 31)


def first_state(key: list[int]) -> np.ndarray:
    """uint32 [4]: where the stream of a seed and further numbers begins."""
    seed, *stream = key
    state = seed & MASK64
    for part in stream:
        state = (mix64((state + GOLDEN) & MASK64) + part) & MASK64
    first = mix64((state + GOLDEN) & MASK64)
    second = mix64((state + 2 * GOLDEN) & MASK64)
    return np.array([w & 0xFFFFFFFF for w in (first, first >> 32, second, second >> 32)], dtype=np.uint32)


def rotate(x: np.ndarray, k: int) -> np.ndarray:
    return (x << np.uint32(k)) | (x >> np.uint32(32 - k))


def advance(s: np.ndarray) -> None:
    """One step of the generator, in place: uint32 [4, lanes]."""
    shifted = s[1] << np.uint32(9)
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= shifted
    s[3] = rotate(s[3], 11)


def to_bits(s: np.ndarray) -> np.ndarray:
    """float32 [128, lanes] of 0 and 1 from uint32 [4, lanes]."""
    shifts = np.arange(32, dtype=np.uint32)[None, :, None]
    return ((s[:, None, :] >> shifts) & np.uint32(1)).reshape(128, -1).astype(np.float32)


def from_bits(bits: np.ndarray) -> np.ndarray:
    words = bits.astype(np.uint32).reshape(4, 32, -1) << np.arange(32, dtype=np.uint32)[None, :, None]
    return np.bitwise_or.reduce(words, axis=1)


@functools.cache
def leap(power: int) -> np.ndarray:
    """float32 [128, 128] over GF(2): 2^power steps."""
    if power == 0:
        unit = from_bits(np.eye(128, dtype=np.float32))
        advance(unit)
        return to_bits(unit)
    half = leap(power - 1)
    return np.mod(half @ half, 2)


class Stream:
    """The stream that `createRandom(...key)` is, read as float64 in [0, 1); about `expected` numbers of it, of which many are drawn at once."""

    def __init__(self, key: list[int], expected: int = 0) -> None:
        self.state = first_state(key)
        self.expected = expected
        self.ready = np.empty(0)
        self.at = 0

    def peek(self, count: int) -> np.ndarray:
        """The next `count` numbers or more, which stay unread."""
        left = len(self.ready) - self.at
        if left < count:
            # Beginning the lanes costs as much as some hundred thousand numbers.
            drawn = self._block(max(count - left, min(self.expected, MOST_AHEAD)))
            self.expected -= len(drawn)
            self.ready = np.concatenate([self.ready[self.at :], drawn])
            self.at = 0
        return self.ready[self.at :]

    def skip(self, count: int) -> None:
        self.at += count

    def _block(self, count: int) -> np.ndarray:
        words = 2 * count
        # Steps of a lane: a power of two, so that lanes begin where a product of leaps says.
        power = max(1, math.ceil(math.log2(max(1, words / LANES))))
        lanes = 1
        states = self.state.reshape(4, 1).copy()
        while lanes < LANES and (lanes << power) < words:
            further = from_bits(np.mod(leap(power + lanes.bit_length() - 1) @ to_bits(states), 2))
            states = np.concatenate([states, further], axis=1)
            lanes *= 2
        out = np.empty((1 << power, lanes), dtype=np.uint32)
        for row in out:
            np.multiply(rotate(states[1] * np.uint32(5), 7), np.uint32(9), out=row)
            advance(states)
        self.state = states[:, -1].copy()
        drawn = out.T.reshape(-1, 2)
        return (drawn[:, 0] >> np.uint32(5)) * 2.0**-27 + (drawn[:, 1] >> np.uint32(6)) * 2.0**-53


def expected_draws(size: int, p: float) -> int:
    """Numbers that the mask of `size` elements draws, and some more."""
    return int(size * p + 6 * math.sqrt(size * p) + 8)


def dropped(stream: Stream, size: int, p: float) -> np.ndarray:
    """Ascending int64 positions below `size` that a mask of `size` elements drops; `p` in [0, 1)."""
    if size == 0 or p == 0:
        # An empty mask, too, draws the gap before its first dropped element.
        stream.peek(1)
        stream.skip(1)
        return np.empty(0, dtype=np.int64)
    log_keep = math.log1p(-p)
    wanted = expected_draws(size, p)
    while True:
        gaps = np.floor(np.log(1 - stream.peek(wanted)[:wanted]) / log_keep)
        ends = np.cumsum(gaps + 1) - 1
        count = int(np.searchsorted(ends, size))
        if count < wanted:
            stream.skip(count + 1)
            return ends[:count].astype(np.int64)
        wanted *= 2

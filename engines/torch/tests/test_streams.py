"""Random streams against xoshiro128** and splitmix64 written as they are published, one number at a time."""

import math

import numpy as np

from whetstone_torch.streams import Stream, dropped, first_state

M32, M64 = (1 << 32) - 1, (1 << 64) - 1


def slowly(key):
    """Floats as the client draws them: 53 bits of two words."""
    s = [int(word) for word in first_state(key)]
    rotl = lambda x, k: ((x << k) | (x >> (32 - k))) & M32  # noqa: E731
    def word():
        result = (rotl((s[1] * 5) & M32, 7) * 9) & M32
        t = (s[1] << 9) & M32
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 11)
        return result
    while True:
        high, low = word() >> 5, word() >> 6
        yield high * 2.0**-27 + low * 2.0**-53


def test_many_at_a_time_are_those_one_at_a_time():
    for key in ([0], [7, 3, 2, 1], [123456789, 0, 5, 9]):
        stream, one = Stream(key), slowly(key)
        for count in (1, 5, 1000, 3, 20000):
            found = stream.peek(count)[:count].copy()
            stream.skip(count)
            assert found.tolist() == [next(one) for _ in range(count)], (key, count)


def test_dropped_positions_are_gaps_of_the_geometric_distribution():
    for size, p in ((0, 0.3), (1, 0.3), (50, 0.05), (5000, 0.3), (700, 0.9)):
        stream, one = Stream([4, size]), slowly([4, size])
        expected, at = [], -1
        while True:
            at += 1 + math.floor(math.log(1 - next(one)) / math.log1p(-p))
            if at >= size:
                break
            expected.append(at)
        assert dropped(stream, size, p).tolist() == expected
        # The next mask begins after the gap that led beyond this one.
        assert stream.peek(1)[0] == next(one)
    share = len(dropped(Stream([1]), 200_000, 0.1)) / 200_000
    assert abs(share - 0.1) < 0.005
    assert dropped(Stream([1]), 10, 0).dtype == np.int64

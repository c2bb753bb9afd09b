# Golden values of Python's random.Random, by the Python that runs this. Usage: python python_random.py
from __future__ import annotations

import json
import platform
from pathlib import Path
from random import Random
from typing import Any

SEEDS = [0, 1, 42, 1234, -1234, 2**31, 2**32 - 1, 2**32, 2**53 - 1, 10**30, 2**700 + 17]
# (items, drawn), a sampler's draws one after the other: CPython copies small populations and draws from a set in
# larger ones; the limits are 21 for up to 5, then 21 + 4^k.
SAMPLES = [
    (1, 1), (5, 0), (5, 5), (21, 3), (22, 3), (21, 5), (22, 5), (85, 6), (86, 6), (86, 21), (85, 22), (277, 22),
    (278, 22), (277, 26), (278, 26), (1119, 26), (1119, 25), (2251, 26), (10042, 11), (14042, 6), (5, 2), (40000, 400),
]  # fmt: skip
BOUNDS = [1, 2, 3, 255, 256, 257, 10**6, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**40 + 3, 2**53 - 1]


def draws(seed: int) -> dict[str, Any]:
    """Every method in turn from one stream, so that each has to use up as many words as in Python."""
    draw = Random(seed)
    shuffled = list(range(30))
    result = {
        "seed": str(seed),
        "random": [draw.random() for _ in range(4)],
        "getrandbits": [[bits, draw.getrandbits(bits)] for bits in (0, 1, 7, 31, 32, 33, 48, 53, 2)],
        "randrange": [[bound, draw.randrange(bound)] for bound in BOUNDS],
        "choice": [draw.choice(range(count)) for count in (1, 2, 9, 1000)],
    }
    draw.shuffle(shuffled)
    result["shuffle"] = shuffled
    samples = SAMPLES if seed == 1234 else SAMPLES[:-1]
    result["sample"] = [[total, draw.sample(range(total), count)] for total, count in samples]
    result["last"] = [draw.random() for _ in range(1000)][-1]
    return result


def main() -> None:
    golden = {"python": platform.python_version(), "streams": [draws(seed) for seed in SEEDS]}
    streams = ",\n".join(json.dumps(stream) for stream in golden["streams"])
    path = Path(__file__).parent / "python-random.json"
    path.write_text(f'{{\n"python": {json.dumps(golden["python"])},\n"streams": [\n{streams}\n]\n}}\n')


if __name__ == "__main__":
    main()

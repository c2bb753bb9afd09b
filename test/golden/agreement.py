# Golden values of agreement between two people: Cohen's kappa from the table of both labels, marks as sets of positions.
# Exact fractions, so that nothing of it is shared with the code under test. Usage: python agreement.py
from __future__ import annotations

import json
import random
from fractions import Fraction
from pathlib import Path


def kappa(ours: list[str], theirs: list[str]) -> dict:
    names = sorted(set(ours) | set(theirs))
    table = [[sum(1 for pair in zip(ours, theirs) if pair == (a, b)) for b in names] for a in names]
    n = len(ours)
    observed = Fraction(sum(table[i][i] for i in range(len(names))), n)
    rows = [Fraction(sum(row), n) for row in table]
    columns = [Fraction(sum(row[j] for row in table), n) for j in range(len(names))]
    expected = sum((r * c for r, c in zip(rows, columns)), Fraction(0))
    found = None if expected == 1 else float((observed - expected) / (1 - expected))
    return {"observed": float(observed), "expected": float(expected), "kappa": found}


def positions(spans: list[list[int]]) -> set[int]:
    return {at for start, end in spans for at in range(start, end)}


def marks(texts: list[list[list[list[int]]]]) -> dict:
    both = [(positions(one), positions(other)) for one, other in texts]
    shared = sum(len(one & other) for one, other in both)
    ours = sum(len(one) for one, _ in both)
    theirs = sum(len(other) for _, other in both)
    union = sum(len(one | other) for one, other in both)
    if union == 0:
        return {"shared": 0, "ours": 0, "theirs": 0, "f1": None, "overlap": None}
    precision = Fraction(shared, theirs) if theirs else Fraction(0)
    recall = Fraction(shared, ours) if ours else Fraction(0)
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else Fraction(0)
    return {
        "shared": shared, "ours": ours, "theirs": theirs,
        "f1": float(f1), "overlap": float(Fraction(shared, union)),
    }


def main() -> None:
    draw = random.Random(15)
    labels = [
        # Cohen's own kind of example: 50 grants, 20 + 15 alike, 5 and 10 apart; kappa 0.4.
        (["yes"] * 25 + ["no"] * 25, ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15),
        (["good"] * 4, ["good"] * 4),
        (["good"] * 4, ["bad"] * 4),
        (["good", "bad"], ["bad", "good"]),
        (["good"], ["good"]),
    ]
    for names in (["good", "bad"], ["good", "bad", "skipped"]):
        for size in (2, 3, 7, 19, 200):
            lean = draw.random()
            ours = [names[0] if draw.random() < lean else draw.choice(names) for _ in range(size)]
            theirs = [own if draw.random() < 0.6 else draw.choice(names) for own in ours]
            labels.append((ours, theirs))

    def spans(length: int) -> list[list[int]]:
        found = []
        for _ in range(draw.randrange(5)):
            start = draw.randrange(length)
            found.append([start, draw.randrange(start, min(length, start + 9) + 1)])
        return found

    texts = [[], [[[], []]], [[[[0, 3]], []]], [[[[2, 2]], [[2, 2]]]], [[[[0, 4], [2, 6]], [[3, 5], [5, 9]]]]]
    for size in (1, 2, 5, 40):
        texts.append([[spans(30), spans(30)] for _ in range(size)])
    golden = {
        "labels": [{"ours": a, "theirs": b, **kappa(a, b)} for a, b in labels],
        "marks": [{"texts": each, **marks(each)} for each in texts],
    }
    Path(__file__).with_name("agreement.json").write_text(json.dumps(golden) + "\n")


main()

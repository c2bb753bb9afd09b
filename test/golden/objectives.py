# Losses and their gradients on hand-made log-probs: what objectives must give at ordinary and extreme values.
# No model is involved.
from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from reference import Objective, batch_loss
from storage import floats

# (plain, judged) probabilities by token; judged is None for a satisfactory response.
ORDINARY: list[tuple[list[float], list[float] | None]] = [
    ([0.5, 0.25, 0.9, 0.1], None),
    ([0.5, 0.3, 0.02, 0.7, 0.2], [0.7, 0.2, 0.5, 0.75, 0.2]),
    ([0.4, 0.05, 0.6], [0.1, 0.3, 0.95]),
]
# Probabilities at which a careless formula gives NaN, infinity or the wrong sign.
EXTREME: list[tuple[list[float], list[float] | None]] = [
    ([0.81, 0.8, 1e-6, 1e-12], [0.999999, 0.9999, 0.5, 1e-9]),
    ([0.9, 0.999], None),
]
# log p = -1e-9: exactly 1 in float32, where the judged model cannot be 1.1 times surer, so lambda is below 1.
CERTAIN = [([-1e-9, -0.5, -2.0], [-1e-9, -0.1, -3.0])]


def log_all(
    rows: list[tuple[list[float], list[float] | None]],
) -> list[tuple[list[float], list[float] | None]]:
    return [
        ([math.log(p) for p in plain], judged and [math.log(p) for p in judged]) for plain, judged in rows
    ]


def settings(lam: float = 1.2, alpha: float = 1.0, gamma: float | None = 1.0) -> dict[str, float]:
    return {"lam": lam, "alpha": alpha} | ({} if gamma is None else {"gamma": gamma})


def case(objective: Objective, rows: list[tuple[list[float], list[float] | None]]) -> dict[str, Any]:
    """`paper` and `likelihood` in float64; `released-code` in float32, on exp(log-prob)."""
    released = objective.kind == "released-code"
    dtype = torch.float32 if released else torch.float64
    leaves = [
        tuple(None if row is None else torch.tensor(row, dtype=dtype, requires_grad=True) for row in pair)
        for pair in rows
    ]

    def value(leaf: Tensor | None) -> Tensor | None:
        return leaf.exp() if released and leaf is not None else leaf

    batch = batch_loss(
        objective,
        [
            objective.on_values(value(plain), None if objective.kind == "likelihood" else value(judged))
            for plain, judged in leaves
        ],
    )
    batch.loss.backward()

    def gradient(leaf: Tensor | None) -> list[float] | None:
        return None if leaf is None else floats(torch.zeros_like(leaf) if leaf.grad is None else leaf.grad)

    result = batch.as_json()
    return {
        **objective.described(),
        "triplets": [
            {"plain": floats(plain), "judged": None if judged is None else floats(judged)}
            for plain, judged in leaves
        ],
        **{key: result[key] for key in ("loss", "l1", "l2", "flags")},
        "gradients": [{"plain": gradient(plain), "judged": gradient(judged)} for plain, judged in leaves],
    }


def cases() -> list[dict[str, Any]]:
    ordinary, extreme = log_all(ORDINARY), log_all(EXTREME)
    return [
        case(Objective("", "likelihood", {}), ordinary),
        case(Objective("", "likelihood", {}, "tokens"), ordinary),
        *[
            case(Objective("", "paper", settings(lam, alpha, gamma), normalize), ordinary)
            for lam, alpha, gamma, normalize in [
                (1.2, 1.0, 1.0, "triplets"),
                (1.2, 1.0, 1.0, "tokens"),
                (1.05, 0.5, 2.0, "triplets"),
                (1.2, 0.25, 0.0, "triplets"),
                (20.0, 1.0, 1.0, "triplets"),
            ]
        ],
        case(Objective("", "paper", settings()), extreme),
        case(Objective("", "paper", settings(lam=0.9)), CERTAIN),
        *[
            case(Objective("", "released-code", settings(lam, alpha, None)), ordinary)
            for lam, alpha in [(1.1, 1.0), (1.2, 0.5)]
        ],
        case(Objective("", "released-code", settings(1.1, 1.0, None)), extreme),
        case(Objective("", "released-code", settings(0.9, 0.5, None)), CERTAIN),
    ]

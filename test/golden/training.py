# Training references: a PyTorch + PEFT loop over thirty steps, transformers' schedules, torch's AdamW.
# The loop runs triplets one at a time; knows nothing of how the models were made.
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from transformers import get_scheduler

from reference import Objective, Triplet, batch_loss, logprobs
from storage import floats

BETAS, EPSILON = (0.9, 0.999), 1e-8
STEPS, BATCH, WARMUP, LEARNING_RATE = 30, 4, 5, 1e-2


@dataclass(frozen=True)
class Recipe:
    """What differs from one trajectory to another."""

    objective: Objective
    schedule: str = "cosine"
    max_grad_norm: float = 1.0
    weight_decay: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            **self.objective.described(),
            "steps": STEPS,
            "batch_size": BATCH,
            "learning_rate": LEARNING_RATE,
            "lr_scheduler_type": self.schedule,
            "warmup_steps": WARMUP,
            "beta1": BETAS[0],
            "beta2": BETAS[1],
            "epsilon": EPSILON,
            "weight_decay": self.weight_decay,
            "max_grad_norm": self.max_grad_norm,
        }


PAPER = Objective("paper", "paper", {"lam": 1.2, "alpha": 1.0, "gamma": 1.0})
RELEASED = Objective("released-code", "released-code", {"lam": 1.1, "alpha": 0.5})

RECIPES = {
    "llama3": Recipe(PAPER),
    "qwen3": Recipe(
        RELEASED,
        schedule="linear",
        max_grad_norm=1.3,
        weight_decay=0.01,
    ),
    "granite": Recipe(PAPER),
    "smollm3": Recipe(RELEASED, schedule="linear"),
    "phi3": Recipe(PAPER, schedule="linear", weight_decay=0.01),
    "olmo2": Recipe(RELEASED),
    "gemma2": Recipe(PAPER, weight_decay=0.01),
    "gemma3": Recipe(RELEASED, max_grad_norm=1.3),
}


@torch.no_grad()
def smallest_margin(model: Any, lam: float, batch: list[Triplet]) -> float:
    """How close any contrasted token's log-ratio comes to log(lambda)."""
    margins = [
        (logprobs(model, one.judged) - logprobs(model, one.plain) - math.log(lam)).abs().min()
        for one in batch
        if one.judged is not None
    ]
    return float(min(margins, default=torch.tensor(math.inf)))


def train(
    model: Any, recipe: Recipe, triplets: list[Triplet], needed_margin: float
) -> list[dict[str, Any]] | None:
    """Trains the adapter in place; None as soon as a flag hangs on less than `needed_margin` nats."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, lr=LEARNING_RATE, betas=BETAS, eps=EPSILON, weight_decay=recipe.weight_decay
    )
    schedule = get_scheduler(recipe.schedule, optimizer, num_warmup_steps=WARMUP, num_training_steps=STEPS)
    steps = []
    for step in range(STEPS):
        batch = [triplets[(step * BATCH + i) % len(triplets)] for i in range(BATCH)]
        if smallest_margin(model, recipe.objective.settings["lam"], batch) < needed_margin:
            return None
        result = batch_loss(
            recipe.objective, [recipe.objective.triplet_loss(model, triplet) for triplet in batch]
        )
        optimizer.zero_grad()
        result.loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, recipe.max_grad_norm)
        rate = schedule.get_last_lr()[0]
        optimizer.step()
        schedule.step()
        flags = [flag for one in result.triplets for flag in one.flags or []]
        steps.append(
            {
                "loss": result.loss.item(),
                "l1": result.l1.item(),
                "l2": result.l2.item(),
                "flagged": sum(flags),
                "contrasted": len(flags),
                "response_tokens": sum(one.tokens for one in result.triplets),
                "grad_norm": norm.item(),
                "learning_rate": rate,
            }
        )
    return steps


def schedules(total: int = 40) -> list[dict[str, Any]]:
    """Learning rates that each step uses, with a base rate of 1."""
    made = []
    for name in ("constant", "constant_with_warmup", "linear", "cosine"):
        for warmup in (0, 10):
            optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
            schedule = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=total)
            rates = []
            for _ in range(total):
                rates.append(schedule.get_last_lr()[0])
                optimizer.step()
                schedule.step()
            made.append({"name": name, "warmup_steps": warmup, "total_steps": total, "learning_rates": rates})
    return made


def adamw(rng: torch.Generator, size: int = 12, steps: int = 10) -> dict[str, Any]:
    """AdamW with weight decay on a vector, gradients of very different size, one of them always 0."""
    settings = {"learning_rate": 0.02, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.1}
    start = torch.randn(size, generator=rng)
    parameter = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.AdamW(
        [parameter],
        lr=settings["learning_rate"],
        betas=BETAS,
        eps=EPSILON,
        weight_decay=settings["weight_decay"],
    )
    scale = torch.logspace(-6, 2, size)
    scale[0] = 0
    gradients, parameters = [], []
    for _ in range(steps):
        parameter.grad = scale * torch.randn(size, generator=rng)
        gradients.append(floats(parameter.grad))
        optimizer.step()
        parameters.append(floats(parameter))
    return {"settings": settings, "start": floats(start), "gradients": gradients, "parameters": parameters}

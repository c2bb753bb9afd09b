"""Gradients of sums of coefficient times log-prob: the same for any micro-batches, and those of a loss written out."""

import math
from pathlib import Path

import pytest
import torch

from whetstone_torch.loading import load
from whetstone_torch.model import Model, train_adapter, lay_out
from whetstone_torch.sharding import Ranks
from whetstone_torch.step import Item, Optimizer, accumulate, score

FOLDER = Path(__file__).resolve().parents[3] / "test/golden/models/llama3"
TARGETS = [f"model.layers.{i}.{name}" for i in (0, 1) for name in ("self_attn.q_proj", "mlp.up_proj", "mlp.down_proj")]


@pytest.fixture
def model():
    torch.manual_seed(0)
    ranks, device = Ranks(0, 1), torch.device("cpu")
    module, stored = load(str(FOLDER), torch.float32, device, ranks, None, torch.float32)
    model = Model(module.eval().requires_grad_(False), stored, device, ranks, torch.float32)
    wanted = {"rank": 3, "alpha": 6, "rank_stabilized": False, "dropout": 0.0, "targets": TARGETS}
    names = [each["name"] for each in train_adapter(model, wanted)]
    lay_out(model, names, None)
    with torch.no_grad():
        for parameter in model.trainable():
            parameter.normal_(std=0.2)
    return model


def items(seed: int = 0) -> list[Item]:
    rng = torch.Generator().manual_seed(seed)
    made = []
    for length, start in ((9, 4), (17, 9), (5, 1), (30, 22), (12, 11)):
        ids = torch.randint(3, 100, (length,), generator=rng)
        made.append(Item(ids[:-1], ids[start:], [1], length))
    return made


def gradients(model, budget, groups=None):
    optimizer = Optimizer(model)
    optimizer.begin()
    asked = []

    def slopes(rows, log_probs):
        asked.append(rows)
        # Of the sum of exp(log-prob): the loss is the sum of probabilities.
        return log_probs.exp()

    found = accumulate(model, items(), groups or [[i] for i in range(5)], budget, slopes)
    return found, [p.grad.clone() for p in model.trainable()], asked


def test_micro_batches_change_nothing(model):
    whole, gradient, rounds = gradients(model, 10_000)
    assert len(rounds) == 1
    for budget in (1, 40, 70):
        log_probs, other, rounds = gradients(model, budget)
        assert len(rounds) > 1
        assert torch.allclose(log_probs, whole, atol=2e-5)
        for a, b in zip(gradient, other):
            assert (a - b).norm() < 2e-5 * a.norm()
    _, _, rounds = gradients(model, 1, groups=[[0, 3], [1], [2, 4]])
    assert sorted(sorted(rows) for rows in rounds) == [[0, 3], [1], [2, 4]]


def test_slopes_give_the_gradient_of_the_loss(model):
    _, found, _ = gradients(model, 60)
    for parameter in model.trainable():
        parameter.grad = None
    loss = torch.zeros(())
    for item in items():
        logits = model.module(input_ids=item.ids[None], use_cache=False).logits[0, -item.outputs :]
        loss = loss + logits.softmax(-1).gather(-1, item.targets[:, None]).sum()
    loss.backward()
    for parameter, gradient in zip(model.trainable(), found):
        assert (parameter.grad - gradient).norm() < 2e-5 * parameter.grad.norm()


def test_scores_are_log_probs(model):
    found = score(model, items(), False, 50)
    assert found.shape == (sum(item.outputs for item in items()),)
    assert (found < 0).all() and math.isfinite(found.sum())
    without = score(model, items(), True, 50)
    assert (found - without).abs().max() > 1e-3

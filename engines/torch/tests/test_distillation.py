"""The three divergences against torch's own, and their bounds. The client's are held to them by test/torch/divergences.test.ts."""

import math

import pytest
import torch

from whetstone_torch.distillation import DIVERGENCES


@pytest.fixture
def pair():
    rng = torch.Generator().manual_seed(6)
    return [(torch.randn(40, 30, generator=rng, dtype=torch.float64) * 4).log_softmax(-1) for _ in range(2)]


def test_against_torch(pair):
    plain, teacher = pair
    from torch.nn.functional import kl_div

    # kl_div(input, target) is KL(target || input).
    reverse = kl_div(teacher, plain, reduction="none", log_target=True).sum(-1)
    forward = kl_div(plain, teacher, reduction="none", log_target=True).sum(-1)
    mixture = ((plain.exp() + teacher.exp()) / 2).log()
    both = sum(kl_div(mixture, each, reduction="none", log_target=True).sum(-1) for each in pair) / 2
    for name, expected in (("reverse-kl", reverse), ("forward-kl", forward), ("jensen-shannon", both)):
        assert torch.allclose(DIVERGENCES[name](plain, teacher), expected, rtol=1e-10, atol=1e-12), name


def test_bounds(pair):
    plain, teacher = pair
    for name, divergence in DIVERGENCES.items():
        assert (divergence(plain, teacher) > 0).all(), name
        assert divergence(plain, plain).abs().max() < 1e-12, name
    assert (DIVERGENCES["jensen-shannon"](plain, teacher) <= math.log(2)).all()

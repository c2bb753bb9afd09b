"""Three divergences against torch's own, and the bounds of all. The client's are held to them by test/torch/divergences.test.ts."""

import math

import pytest
import torch

from whetstone_torch.distillation import DIVERGENCES


# What a divergence takes beside the two distributions: the mixture, and how many tokens count one by one.
OPTIONS = {"jensen-shannon-of-top": (0.5, 12)}


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
        more = OPTIONS.get(name, ())
        assert (divergence(plain, teacher, *more) > 0).all(), name
        assert divergence(plain, plain, *more).abs().max() < 1e-12, name
    whole = DIVERGENCES["jensen-shannon"](plain, teacher)
    assert (whole <= math.log(2)).all()
    # Tokens in one bucket are told apart no more: it is at most that over all, and that where every token counts.
    of_top = DIVERGENCES["jensen-shannon-of-top"]
    assert (of_top(plain, teacher, *OPTIONS["jensen-shannon-of-top"]) <= whole + 1e-12).all()
    assert torch.allclose(of_top(plain, teacher, 0.5, 30), whole, rtol=1e-9, atol=1e-9)

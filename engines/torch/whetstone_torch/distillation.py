"""The comparisons over whole distributions (src/objectives/self-distillation.ts): the only formulas of losses here.

They cannot run at the client, as [tokens, vocabulary] would have to travel for each step. A test holds them to the
client's, over random distributions.
"""

from __future__ import annotations

import math
from typing import Callable

import torch


def kl(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a.exp() * (a - b)).sum(-1)


def jensen_shannon(plain: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    mixture = torch.logaddexp(plain - math.log(2), teacher - math.log(2))
    return (kl(plain, mixture) + kl(teacher, mixture)) * 0.5


# Log-probs [tokens, vocabulary] of both in, loss [tokens] in nats out; no gradient flows through the teacher.
DIVERGENCES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "reverse-kl": kl,
    "forward-kl": lambda plain, teacher: kl(teacher, plain),
    "jensen-shannon": jensen_shannon,
}

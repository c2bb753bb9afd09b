"""The comparisons over whole distributions (src/objectives/self-distillation.ts and sdpo.ts): the only formulas of losses here.

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


def jensen_shannon_of_top(plain: torch.Tensor, teacher: torch.Tensor, mixture: float, top: int) -> torch.Tensor:
    """(1 - a) KL(p || m) + a KL(q || m) over p's likeliest tokens and one bucket for the others (src/objectives/sdpo.ts)."""
    last = plain.detach().topk(min(int(top), plain.shape[-1])).values[..., -1:]
    among = plain.detach() >= last
    p, q = plain.exp(), teacher.exp()
    rest = [values.masked_fill(among, 0).sum(-1).clamp(min=1e-10) for values in (p, q)]

    def terms(p: torch.Tensor, log_p: torch.Tensor, q: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
        log_m = torch.logaddexp(log_p + math.log1p(-mixture), log_q + math.log(mixture))
        return (1 - mixture) * p * (log_p - log_m) + mixture * q * (log_q - log_m)

    inside = terms(p, plain, q, teacher).masked_fill(~among, 0).sum(-1)
    return inside + terms(rest[0], rest[0].log(), rest[1], rest[1].log())


# Log-probs [tokens, vocabulary] of both in, loss [tokens] in nats out; no gradient flows through the teacher.
DIVERGENCES: dict[str, Callable[..., torch.Tensor]] = {
    "reverse-kl": kl,
    "forward-kl": lambda plain, teacher: kl(teacher, plain),
    "jensen-shannon": jensen_shannon,
    "jensen-shannon-of-top": jensen_shannon_of_top,
}

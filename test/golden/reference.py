# Reference numbers computed with PyTorch: token log-probs, the losses, and triplets to compute them on.
# Knows models only as callables that give logits; writes no files.
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Callable, Sequence as Seq

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sequence:
    """Prompt and response token ids; the response begins at index `response_start` (at least 1)."""

    ids: list[int]
    response_start: int

    def as_json(self) -> dict[str, Any]:
        return {"ids": self.ids, "response_start": self.response_start}


@dataclass(frozen=True)
class Triplet:
    """`judged` is None for a satisfactory response, else the same response after the longer prompt."""

    plain: Sequence
    judged: Sequence | None


def response_logits(model: Any, sequence: Sequence) -> Tensor:
    """Logits [response, vocab] that predict each response token; the sequence runs alone, unpadded."""
    logits = model(input_ids=torch.tensor([sequence.ids]), use_cache=False).logits[0]
    return logits[sequence.response_start - 1 : -1]


def response_tokens(sequence: Sequence) -> Tensor:
    return torch.tensor(sequence.ids[sequence.response_start :])


def logprobs(model: Any, sequence: Sequence) -> Tensor:
    """Log-probs [response] in nats, by log_softmax."""
    logits = response_logits(model, sequence)
    return torch.log_softmax(logits, -1).gather(-1, response_tokens(sequence)[:, None])[:, 0]


def probabilities(model: Any, sequence: Sequence) -> Tensor:
    """Probabilities [response], by softmax, as the released code takes them."""
    logits = response_logits(model, sequence)
    return torch.softmax(logits, -1).gather(-1, response_tokens(sequence)[:, None])[:, 0]


@dataclass(frozen=True)
class Loss:
    """Sums to be weighted: the triplet's own loss is l1 + l2; both are means over its response tokens."""

    l1: Tensor
    l2: Tensor
    tokens: int
    flags: list[int] | None


def likelihood(plain: Tensor, judged: Tensor | None) -> Loss:
    """-(1/N) sum log p(y_t | x) for every triplet, whatever its label."""
    return Loss(plain.new_zeros(()), -plain.mean(), len(plain), None)


def paper(plain: Tensor, judged: Tensor | None, lam: float, alpha: float, gamma: float) -> Loss:
    """arXiv 2312.14591, Eq. 5-7, on log-probs [response] of one triplet."""
    if judged is None:
        return Loss(plain.new_zeros(()), -plain.mean(), len(plain), None)
    p, q = plain.detach().exp(), judged.detach().exp()
    flagged = q - lam * p > 0
    weight = alpha * q**gamma
    # log(1 - p) as log(-expm1(log p)); the unflagged branch gets a harmless argument, so no NaN gradient.
    safe = torch.where(flagged, plain, plain.new_full((), -1.0))
    l1 = -torch.where(flagged, weight * torch.log(-torch.expm1(safe)), plain).mean()
    return Loss(l1, -judged.mean(), len(plain), flagged.int().tolist())


def released_code(plain: Tensor, judged: Tensor | None, lam: float, alpha: float) -> Loss:
    """The released code's arithmetic on *probabilities* [response] of one row (its micro-batch size is 1).

    Facts from wwxu21/CUT, modeling_llama_unlikelihood.py: ratio judged / plain > threshold; 1 - p where
    flagged; 1e-5 is added to every factor that is exactly 0 (an unflagged p as well as a flagged 1 - p);
    the weight multiplies flagged logs only; L1 is the mean over the row's response tokens, the likelihood
    term the mean over the first sequence's; a row with a judgment gives (L1 + likelihood) / 2, a row
    without gives the likelihood. l1 and l2 here carry that half, so that loss = l1 + l2.
    """
    if judged is None:
        return Loss(plain.new_zeros(()), -plain.log().mean(), len(plain), None)
    flagged = (judged / plain).detach() > lam
    factor = torch.where(flagged, 1 - plain, plain)
    factor = torch.where(factor == 0, factor + 1e-5, factor)
    l1 = -torch.where(flagged, alpha * factor.log(), factor.log()).mean()
    return Loss(l1 / 2, -judged.log().mean() / 2, len(plain), flagged.int().tolist())


@dataclass(frozen=True)
class Objective:
    """A named loss with its settings. `normalize` says what a batch's loss is the mean of."""

    name: str
    kind: str
    settings: dict[str, float]
    normalize: str = "triplets"

    def described(self) -> dict[str, Any]:
        """`lambda` is a word of Python's, hence `lam` in this code."""
        named = {("lambda" if key == "lam" else key): value for key, value in self.settings.items()}
        return {"kind": self.kind, "settings": named, "normalize": self.normalize}

    def triplet_loss(self, model: Any, triplet: Triplet) -> Loss:
        read = probabilities if self.kind == "released-code" else logprobs
        contrasts = triplet.judged is not None and self.kind != "likelihood"
        judged = read(model, triplet.judged) if contrasts else None
        return self.on_values(read(model, triplet.plain), judged)

    def on_values(self, plain: Tensor, judged: Tensor | None) -> Loss:
        """On log-probs, or on probabilities for `released-code`."""
        kinds: dict[str, Callable[..., Loss]] = {
            "likelihood": likelihood,
            "paper": paper,
            "released-code": released_code,
        }
        return kinds[self.kind](plain, judged, **self.settings)


@dataclass(frozen=True)
class BatchLoss:
    loss: Tensor
    l1: Tensor
    l2: Tensor
    triplets: list[Loss]

    def as_json(self) -> dict[str, Any]:
        return {
            "loss": self.loss.item(),
            "l1": self.l1.item(),
            "l2": self.l2.item(),
            "triplet_losses": [(one.l1 + one.l2).item() for one in self.triplets],
            "flags": [one.flags for one in self.triplets],
        }


def batch_loss(objective: Objective, losses: Seq[Loss]) -> BatchLoss:
    """`triplets`: the mean of the triplets' losses. `tokens`: each weighted by its share of response tokens."""
    if objective.normalize == "tokens":
        total = sum(one.tokens for one in losses)
        weights = [one.tokens / total for one in losses]
    else:
        weights = [1 / len(losses)] * len(losses)
    l1 = sum(w * one.l1 for w, one in zip(weights, losses))
    l2 = sum(w * one.l2 for w, one in zip(weights, losses))
    return BatchLoss(l1 + l2, l1, l2, list(losses))


def random_ids(count: int, vocab: int, rng: torch.Generator) -> list[int]:
    """Token ids from 6 up: below are the special tokens."""
    return torch.randint(6, vocab, (count,), generator=rng).tolist()


@torch.no_grad()
def next_logprobs(model: Any, ids: list[int]) -> Tensor:
    return torch.log_softmax(model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1], -1)


def make_sequence(model: Any, vocab: int, prompt: int, response: int, rng: torch.Generator) -> Sequence:
    """A random prompt that begins with <s>, and a response sampled from the model."""
    ids = [1, *random_ids(prompt - 1, vocab, rng)]
    for _ in range(response):
        ids.append(int(torch.multinomial(next_logprobs(model, ids).exp(), 1, generator=rng)))
    return Sequence(ids, prompt)


def make_unsatisfactory(
    model: Any,
    vocab: int,
    prompt: int,
    judgment: int,
    response: int,
    rng: torch.Generator,
    lambdas: tuple[float, ...] = (1.1, 1.2),
    margin: float = 0.05,
) -> Triplet:
    """A triplet with flagged and unflagged tokens, none of which rounding could move to the other side.

    Tokens are sampled half from the plain and half from the judged context, among those whose log-ratio
    is at least `margin` away from log(lambda), whose p is neither tiny nor next to 1, and, where the token
    would be flagged, whose p is large enough that alpha, gamma and log(1 - p) show in the loss.
    """
    while True:
        head = [1, *random_ids(prompt - 1, vocab, rng)]
        shown = [*head[:-1], *random_ids(judgment, vocab, rng), head[-1]]
        tokens: list[int] = []
        flagged = 0
        for _ in range(response):
            plain, judged = next_logprobs(model, head + tokens), next_logprobs(model, shown + tokens)
            ratio = judged - plain
            flag = ratio > math.log(min(lambdas))
            clear = torch.stack([(ratio - math.log(value)).abs() > margin for value in lambdas]).all(0)
            lowest = torch.where(flag, math.log(0.12), math.log(0.003))
            weight = torch.where(
                clear & (lowest < plain) & (plain < math.log(0.93)), plain.exp() + judged.exp(), 0
            )
            if not weight.any():
                break
            tokens.append(int(torch.multinomial(weight, 1, generator=rng)))
            flagged += int(flag[tokens[-1]])
        if len(tokens) == response and 0.25 * response <= flagged <= 0.75 * response:
            return Triplet(Sequence(head + tokens, prompt), Sequence(shown + tokens, prompt + judgment))

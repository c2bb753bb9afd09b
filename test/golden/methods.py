# The losses of every method and their gradients, on random log-probs: a few lines of PyTorch each, written from
# the papers and apart from the library. `python methods.py` writes methods.json; generate.py does it too.
from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any, Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from storage import floats, write_json

Example = dict[str, Any]
VOCAB = 7


def rounded(values: Tensor) -> Tensor:
    """What the JSON will hold, in float64, as a leaf."""
    kept = torch.tensor(floats(values), dtype=torch.float64).reshape(values.shape)
    return kept.requires_grad_()


def log_probs(count: int, rng: torch.Generator) -> Tensor:
    return rounded(-4 * torch.rand(count, generator=rng, dtype=torch.float64) - 0.02)


def example(
    rng: torch.Generator, rejected: bool, lengths: dict[str, int], witnesses: int = 0, **more: Any
) -> Example:
    """Log-probs of sequences by role; witnesses read the response of `plain`."""
    made = {role: log_probs(count, rng) for role, count in lengths.items()}
    read = [log_probs(lengths["plain"], rng).detach() for _ in range(witnesses)]
    return {"rejected": rejected, "logprobs": made, "witnesses": read, **more}


def with_logits(rng: torch.Generator, one: Example) -> Example:
    shape = (len(one["logprobs"]["plain"]), VOCAB)
    student, teacher = (rounded(2 * torch.randn(shape, generator=rng, dtype=torch.float64)) for _ in "st")
    return {**one, "logits": {"plain": student, "witness": teacher.detach()}}


def with_reference(rng: torch.Generator, one: Example) -> Example:
    near = {
        role: rounded(one["logprobs"][role].detach() - torch.rand(len(one["logprobs"][role]), generator=rng))
        for role in ("preferred", "plain")
        if role in one["logprobs"]
    }
    return {**one, "reference": {role: values.detach() for role, values in near.items()}}


def average(rows: list[Tensor], normalize: str) -> Tensor:
    """Of token losses: the mean over rows of their means, or over all tokens."""
    if not rows:
        return torch.zeros((), dtype=torch.float64)
    return torch.cat(rows).mean() if normalize == "tokens" else torch.stack([row.mean() for row in rows]).mean()


def of_role(batch: list[Example], role: str) -> list[Tensor]:
    return [-one["logprobs"][role] for one in batch if role in one["logprobs"]]


# Each method: a batch and its options to the loss.


def likelihood(batch: list[Example], normalize: str) -> Tensor:
    return average([-one["logprobs"]["plain"] for one in batch if not one["rejected"]], normalize)


def forward_prediction(batch: list[Example], normalize: str) -> Tensor:
    """arXiv 2312.14591, Eq. 1."""
    if normalize == "tokens":
        judged = of_role(batch, "critique")
        return average(of_role(batch, "plain"), normalize) + average(judged, normalize) * len(judged) / len(batch)
    losses = [
        -one["logprobs"]["plain"].mean()
        - (one["logprobs"]["critique"].mean() if "critique" in one["logprobs"] else 0)
        for one in batch
    ]
    return torch.stack(losses).mean()


def hindsight(batch: list[Example], normalize: str) -> Tensor:
    """arXiv 2312.14591, Eq. 4; arXiv 2509.22638 is the same over tokens."""
    read = [one["logprobs"].get("judged", one["logprobs"].get("praised")) for one in batch]
    return average([-row for row in read if row is not None], normalize)


def critique(batch: list[Example], normalize: str) -> Tensor:
    """arXiv 2501.17703."""
    return average(of_role(batch, "critique"), normalize)


def ilf_mle(batch: list[Example], normalize: str, align_p: bool = False) -> Tensor:
    """arXiv 2303.16755."""
    satisfactory = [-one["logprobs"]["plain"] for one in batch if align_p and not one["rejected"]]
    return average(of_role(batch, "preferred") + satisfactory, normalize)


def dpo(batch: list[Example], beta: float, label_smoothing: float = 0.0) -> Tensor:
    """arXiv 2305.18290, Eq. 7, and cDPO."""
    losses = []
    for one in batch:
        if "preferred" not in one["logprobs"]:
            continue
        chosen, rejected = (
            one["logprobs"][role].sum() - one["reference"][role].sum() for role in ("preferred", "plain")
        )
        logits = beta * (chosen - rejected)
        losses.append(
            -(1 - label_smoothing) * F.logsigmoid(logits) - label_smoothing * F.logsigmoid(-logits)
        )
    return torch.stack(losses).mean()


def cut(
    batch: list[Example],
    normalize: str,
    flagged_by: str,
    lambda_: float = 1.2,
    alpha: float = 1.0,
    gamma: float = 1.0,
) -> Tensor:
    """arXiv 2312.14591, Eq. 5-7, with marked tokens in U. `marks`: 1 marked, 0 not; a row without them has Eq. 5."""
    contrast, likelihood_rows = [], []
    for one in batch:
        log_p = one["logprobs"]["plain"]
        if not one["rejected"]:
            likelihood_rows.append(-log_p)
            contrast.append(torch.zeros_like(log_p))
            continue
        likelihood_rows.append(-one["logprobs"]["judged"])
        p, p_judged = log_p.detach().exp(), one["witnesses"][0].exp()
        wrong = p_judged - lambda_ * p > 0
        if one.get("marked") is not None:
            marked = torch.tensor(one["marked"])
            wrong = {"judgment": wrong, "marks": marked, "both": wrong | marked}[flagged_by]
        weight = alpha * p_judged**gamma
        contrast.append(-torch.where(wrong, weight * torch.log(1 - log_p.exp()), log_p))
        one["flags"] = wrong.int().tolist()
    return average(contrast, normalize) + average(likelihood_rows, normalize)


def dual_cut(
    batch: list[Example],
    normalize: str,
    lambda1: float = 1.2,
    lambda2: float = 1.2,
    lambda3: float = 1.2,
    lambda4: float = 1.2,
    sigma1: float = 0.01,
    sigma2: float = 0.01,
    alpha: float = 1.0,
    beta: float = 1.0,
) -> Tensor:
    """arXiv 2412.20297, Eq. 5-9, on probabilities as they are printed there."""
    rows = []
    for one in batch:
        log_p = one["logprobs"]["plain"]
        if not one["rejected"]:
            rows.append(-log_p)
            continue
        p = log_p.detach().exp()
        minus, plus = (witness.exp() for witness in one["witnesses"])
        bad = (minus - lambda1 * plus > 0) & (minus - lambda2 * p > 0) & (minus > sigma1)
        good = (plus - lambda3 * minus > 0) & (plus - lambda4 * p > 0) & (plus > sigma2)
        scale_minus = alpha / (1 + torch.exp(-(minus / p - lambda2)))
        scale_plus = beta / (1 + torch.exp(-(plus / p - lambda4))) + 1
        terms = (
            bad * scale_minus * torch.log(1 - log_p.exp()) + good * scale_plus * log_p + ~(bad | good) * log_p
        )
        rows.append(-terms)
        one["flags"] = bad.int().tolist()
    return average(rows, normalize)


def self_distillation(
    batch: list[Example],
    normalize: str,
    form: str = "sampled",
    divergence: str = "reverse-kl",
    importance_clip: float | None = 2.0,
    max_log_ratio: float = math.inf,
    align_p: bool = False,
) -> Tensor:
    """arXiv 2601.20802."""
    rows = []
    for one in batch:
        log_p = one["logprobs"]["plain"]
        if not one["rejected"]:
            if align_p:
                rows.append(-log_p)
        elif form == "sampled":
            ratio = (log_p - one["witnesses"][0]).detach()
            one["flags"] = (ratio > 0).int().tolist()
            ratio = ratio.clamp(-max_log_ratio, max_log_ratio)
            if importance_clip is not None:
                ratio = ratio * (log_p.detach() - one["witnesses"][1]).exp().clamp(max=importance_clip)
            rows.append(ratio * log_p)
        else:
            student, teacher = (F.log_softmax(one["logits"][who], -1) for who in ("plain", "witness"))
            # F.kl_div(input, target) is KL(target || input).
            kl = lambda a, b: F.kl_div(b, a, reduction="none", log_target=True).sum(-1)  # noqa: E731
            mixture = torch.logsumexp(torch.stack([student, teacher]), 0) - math.log(2)
            rows.append(
                {
                    "reverse-kl": lambda: kl(student, teacher),
                    "forward-kl": lambda: kl(teacher, student),
                    "jensen-shannon": lambda: (kl(student, mixture) + kl(teacher, mixture)) / 2,
                }[divergence]()
            )
    return average(rows, normalize)


def sdpo(
    batch: list[Example],
    normalize: str,
    mixture: float = 0.5,
    top_tokens: int = 100,
    importance_clip: float | None = 2.0,
    align_p: bool = False,
) -> Tensor:
    """arXiv 2601.20802: the generalised JSD over the student's likeliest tokens and their complement."""
    rows = []
    for one in batch:
        log_p = one["logprobs"]["plain"]
        if not one["rejected"]:
            if align_p:
                rows.append(-log_p)
            continue
        p, q = (F.softmax(one["logits"][who], -1) for who in ("plain", "witness"))
        if top_tokens < VOCAB:
            chosen = p.topk(top_tokens).indices
            with_rest = lambda x: torch.cat([x.gather(-1, chosen), 1 - x.gather(-1, chosen).sum(-1, True)], -1)  # noqa: E731
            p, q = with_rest(p), with_rest(q)
        m = (1 - mixture) * p + mixture * q
        loss = ((1 - mixture) * p * (p / m).log() + mixture * q * (q / m).log()).sum(-1)
        if importance_clip is not None:
            loss = loss * (log_p.detach() - one["witnesses"][0]).exp().clamp(max=importance_clip)
        rows.append(loss)
    return average(rows, normalize)


def user_interactions(
    batch: list[Example],
    normalize: str,
    beta: float = 0.1,
    max_log_ratio: float = math.inf,
    align_p: bool = False,
) -> Tensor:
    """arXiv 2603.12273, offline: a graded weight of either sign, and the k3 estimate of KL(p || p_0)."""
    rows = []
    for one in batch:
        log_p = one["logprobs"]["plain"]
        if "forewarned" not in one["logprobs"]:
            if align_p and not one["rejected"]:
                rows.append(-log_p)
            continue
        weight = (one["witnesses"][0].exp() / log_p.detach().exp()).log()
        one["flags"] = (weight < 0).int().tolist()
        loss = -weight.clamp(-max_log_ratio, max_log_ratio) * log_p
        if beta != 0:
            r = one["witnesses"][1].exp() / log_p.exp()
            loss = loss + beta * (r - r.log() - 1)
        rows.append(loss)
    return average(rows, normalize)


def cepo_cut(
    batch: list[Example],
    normalize: str,
    step: int,
    lambda_: float = 1.2,
    alpha: float = 1.0,
    contrast_weight: float = 0.5,
    contrast_clip: float = 0.5,
    contrast_steps: int = 25,
    detection: bool = True,
    align_p: bool = True,
    align_n: bool = True,
) -> Tensor:
    """arXiv 2605.19436's weights, on probabilities, in arXiv 2312.14591's contrast."""
    contrast, likelihood_rows = [], []
    share = contrast_weight * max(0.0, (contrast_steps - step) / contrast_steps)
    for one in batch:
        log_p = one["logprobs"]["plain"]
        if not one["rejected"]:
            likelihood_rows.append(-log_p * align_p)
            contrast.append(torch.zeros_like(log_p))
            continue
        likelihood_rows.append(-one["logprobs"]["judged"] * align_n)
        minus, plus = (witness.exp() for witness in one["witnesses"])
        w = minus / plus
        advantage = (1 - share) + share * w.clamp(1 - contrast_clip, 1 + contrast_clip)
        wrong = w > lambda_ if detection else torch.ones_like(w, dtype=torch.bool)
        contrast.append(-torch.where(wrong, alpha * advantage * torch.log(1 - log_p.exp()), log_p))
        one["flags"] = wrong.int().tolist()
    return average(contrast, normalize) + average(likelihood_rows, normalize)


def rltf_sd(batch: list[Example], normalize: str) -> Tensor:
    """arXiv 2602.02482: likelihood of second attempts by their advantage."""
    revised = [one for one in batch if "preferred" in one["logprobs"]]
    return average([-one["advantage"] * one["logprobs"]["preferred"] for one in revised], normalize)


def rltf_fm(batch: list[Example], normalize: str, feedback_weight: float = 1.0, ratio_clip: float = 0.2) -> Tensor:
    """arXiv 2602.02482: a clipped policy loss (arXiv 1707.06347, Eq. 7) and likelihood of the judgment."""
    policy = []
    for one in batch:
        log_p = one["logprobs"]["plain"]
        ratio = (log_p - one["witnesses"][0]).exp()
        clipped = ratio.clamp(1 - ratio_clip, 1 + ratio_clip)
        policy.append(-torch.min(ratio * one["advantage"], clipped * one["advantage"]))
        if one["advantage"] != 0:
            one["flags"] = [int(one["advantage"] < 0)] * len(log_p)
    return average(policy, normalize) + feedback_weight * average(of_role(batch, "critique"), normalize)


def retaining(
    batch: list[Example], normalize: str, retain_weight: float, method: Callable[..., Tensor], **options: Any
) -> Tensor:
    """arXiv 2402.10893: beside the method's loss the likelihood of the initial model's own answers elsewhere."""
    lessons = [one for one in batch if "retained" not in one["logprobs"]]
    kept = average(of_role(batch, "retained"), normalize)
    return method(lessons, normalize=normalize, **options) + retain_weight * kept


# Batches: what each method's examples have.


def responses(rng: torch.Generator) -> list[Example]:
    return [
        example(rng, False, {"plain": 5, "judged": 5, "praised": 5, "critique": 2}),
        example(rng, True, {"plain": 4, "judged": 4, "praised": 4, "critique": 7, "preferred": 6}),
        example(rng, False, {"plain": 3, "praised": 3}),
        example(rng, True, {"plain": 6, "judged": 6, "critique": 3, "preferred": 2}),
    ]


def pairs(rng: torch.Generator) -> list[Example]:
    return [
        with_reference(rng, example(rng, True, {"plain": 4, "preferred": 6})),
        example(rng, False, {"plain": 3}),
        with_reference(rng, example(rng, True, {"plain": 5, "preferred": 2})),
    ]


def contrasted(rng: torch.Generator) -> list[Example]:
    return [
        example(rng, False, {"plain": 4}),
        example(rng, True, {"plain": 9, "judged": 9, "praised": 9}, witnesses=2),
        example(rng, True, {"plain": 6, "judged": 6, "praised": 6}, witnesses=2),
    ]


def marked(rng: torch.Generator) -> list[Example]:
    """Marks where the judgment flags and where it does not; a row that nobody marked."""

    def one(count: int, marks: list[bool] | None) -> Example:
        made = example(rng, True, {"plain": count, "judged": count}, witnesses=1)
        return made if marks is None else {**made, "marked": marks}

    return [
        example(rng, False, {"plain": 4}),
        one(9, [False, True, True, False, False, False, True, False, True]),
        one(6, None),
        one(7, [True, False, False, False, True, False, False]),
    ]


def beside_kept(lessons: Callable[[torch.Generator], list[Example]]) -> Callable[[torch.Generator], list[Example]]:
    """The lessons with answers to keep, between them and after them."""

    def batch(rng: torch.Generator) -> list[Example]:
        first, *others = lessons(rng)
        kept = [example(rng, False, {"retained": count}) for count in (5, 2, 7)]
        return [first, kept[0], *others, *kept[1:]]

    return batch


def taught(rng: torch.Generator) -> list[Example]:
    return [
        with_logits(rng, example(rng, True, {"plain": 6, "revising": 6}, witnesses=2)),
        example(rng, False, {"plain": 4}),
        with_logits(rng, example(rng, True, {"plain": 3, "revising": 3}, witnesses=2)),
    ]


def informed(rng: torch.Generator) -> list[Example]:
    return [
        with_logits(rng, example(rng, True, {"plain": 6, "informed": 6}, witnesses=1)),
        example(rng, False, {"plain": 4}),
        with_logits(rng, example(rng, True, {"plain": 3, "informed": 3}, witnesses=1)),
    ]


def answered(rng: torch.Generator) -> list[Example]:
    """Responses to which something was said, blame and praise, and one to which nothing was."""
    return [
        example(rng, True, {"plain": 6, "forewarned": 6}, witnesses=2),
        example(rng, False, {"plain": 4}),
        example(rng, False, {"plain": 3, "forewarned": 3}, witnesses=2),
        example(rng, True, {"plain": 8, "forewarned": 8}, witnesses=2),
    ]


def attempts(rng: torch.Generator) -> list[Example]:
    """Ratios to the witness on both sides of any clip, both signs of the advantage, and one of 0."""

    def one(rejected: bool, advantage: float, **lengths: int) -> Example:
        made = example(rng, rejected, lengths, advantage=advantage)
        near = made["logprobs"]["plain"].detach() + 0.6 * torch.randn(lengths["plain"], generator=rng)
        return {**made, "witnesses": [rounded(near).detach()]}

    return [
        one(True, -0.625, plain=8, critique=3, preferred=4),
        one(False, 0.375, plain=7),
        one(True, 0.0, plain=5, critique=6, preferred=3),
        one(True, 0.875, plain=6, preferred=5),
    ]


def camel(name: str) -> str:
    head, *rest = name.rstrip("_").split("_")
    return head + "".join(word.capitalize() for word in rest)


def case(
    method: str,
    loss: Callable[..., Tensor],
    batch_of: Callable[[torch.Generator], list[Example]],
    **options: Any,
) -> dict[str, Any]:
    """One loss over a batch of its own, and d loss / d log-prob; `logits` where the loss is of distributions."""
    rng = torch.Generator().manual_seed(2312)
    batch = batch_of(rng)
    value = loss(batch, **options)
    value.backward()
    full = options.get("form") == "full" or method == "sdpo"

    def described(one: Example) -> dict[str, Any]:
        row = {
            "rejected": one["rejected"],
            "logprobs": {role: floats(values) for role, values in one["logprobs"].items()},
            "gradients": {
                role: floats(values.grad)
                for role, values in one["logprobs"].items()
                if values.grad is not None and values.grad.any()
            },
        }
        if one["witnesses"] and (not full or method == "sdpo"):
            row["witnesses"] = [floats(values) for values in one["witnesses"]]
        if one.get("marked") is not None:
            row["marks"] = [1 if marked else -1 for marked in one["marked"]]
        if "flags" in one:
            row["flags"] = one["flags"]
        if "advantage" in one:
            row["advantage"] = one["advantage"]
        if "reference" in one:
            row["reference"] = {role: floats(values) for role, values in one["reference"].items()}
        if full and "logits" in one:
            row["logits"] = {who: [floats(line) for line in rows] for who, rows in one["logits"].items()}
            row["gradients"]["logits"] = floats(one["logits"]["plain"].grad)
        return row

    named = {camel(key): value for key, value in options.items() if key != "step"}
    more = {"step": options["step"]} if "step" in options else {}
    return {"method": method, "options": named, **more, "loss": value.item(), "examples": [described(one) for one in batch]}


def method_cases() -> list[dict[str, Any]]:
    both = ("triplets", "tokens")
    simple = [
        ("likelihood", likelihood),
        ("forward-prediction", forward_prediction),
        ("hindsight", hindsight),
        ("feedback-conditional", hindsight),
        ("critique", critique),
        ("ilf-mle", ilf_mle),
    ]
    return [
        *[case(name, loss, responses, normalize=n) for name, loss in simple for n in both],
        case("ilf-mle", ilf_mle, responses, normalize="triplets", align_p=True),
        *[
            case("dpo", dpo, pairs, **options)
            for options in ({"beta": 0.1}, {"beta": 2.0}, {"beta": 0.5, "label_smoothing": 0.2})
        ],
        case("ilf-dpo", dpo, pairs, beta=0.3),
        *[case("cut", cut, marked, normalize="triplets", flagged_by=by) for by in ("judgment", "marks", "both")],
        *[
            case("cut", cut, marked, normalize=n, flagged_by=by, lambda_=1.5, alpha=0.5, gamma=2.0)
            for n, by in zip(both, ("both", "marks"))
        ],
        *[
            case("cut", partial(retaining, method=cut), beside_kept(marked), normalize=n, flagged_by="judgment", retain_weight=w)
            for n, w in zip(both, (1.0, 0.25))
        ],
        case(
            "user-interactions",
            partial(retaining, method=user_interactions),
            beside_kept(answered),
            normalize="triplets",
            retain_weight=2.0,
            align_p=True,
        ),
        case("likelihood", partial(retaining, method=likelihood), beside_kept(responses), normalize="tokens", retain_weight=0.5),
        *[case("dual-cut", dual_cut, contrasted, normalize=n) for n in both],
        case(
            "dual-cut",
            dual_cut,
            contrasted,
            normalize="triplets",
            lambda1=1.05,
            lambda2=1.5,
            lambda3=1.1,
            lambda4=0.8,
            sigma1=0.1,
            sigma2=0.2,
            alpha=0.5,
            beta=2.0,
        ),
        *[case("self-distillation", self_distillation, taught, normalize=n) for n in both],
        *[
            case("self-distillation", self_distillation, taught, normalize="triplets", **options)
            for options in (
                {"importance_clip": None},
                {"importance_clip": 1.1, "max_log_ratio": 0.5, "align_p": True},
                *({"form": "full", "divergence": d} for d in ("reverse-kl", "forward-kl", "jensen-shannon")),
            )
        ],
        case("self-distillation", self_distillation, taught, normalize="tokens", form="full", align_p=True),
        *[case("sdpo", sdpo, informed, normalize=n, top_tokens=k) for n, k in zip(both, (3, 100))],
        case("sdpo", sdpo, informed, normalize="triplets", mixture=0.2, top_tokens=5, importance_clip=None),
        case("sdpo", sdpo, informed, normalize="triplets", mixture=0.9, top_tokens=1, importance_clip=1.1, align_p=True),
        *[case("user-interactions", user_interactions, answered, normalize=n) for n in both],
        *[
            case("user-interactions", user_interactions, answered, normalize="triplets", **options)
            for options in (
                {"beta": 0.0},
                {"beta": 1.5, "max_log_ratio": 0.5, "align_p": True},
            )
        ],
        *[case("cepo-cut", cepo_cut, contrasted, normalize=n, step=s) for n, s in zip(both, (0, 10))],
        *[
            case("cepo-cut", cepo_cut, contrasted, normalize="triplets", **options)
            for options in (
                {"step": 25},
                {"step": 3, "detection": False, "align_n": False},
                {"step": 2, "contrast_weight": 0.9, "contrast_clip": 2.0, "contrast_steps": 4, "lambda_": 1.5, "alpha": 0.5},
            )
        ],
        *[case("rltf-sd", rltf_sd, attempts, normalize=n) for n in both],
        *[case("rltf-fm", rltf_fm, attempts, normalize=n) for n in both],
        case("rltf-fm", rltf_fm, attempts, normalize="triplets", feedback_weight=0.25, ratio_clip=0.5),
    ]


if __name__ == "__main__":
    write_json(Path(__file__).parent / "methods.json", method_cases())

# Peer (b): the fastest PyTorch loop that we know how to write for the same update, CUT as in the paper.
# No padding and no dead sequence; the LM head sees the response only; fused attention; and because L1 takes
# no gradient from the judged sequence, its backward runs before the plain sequence's forward, so that the
# activations of one sequence at a time are alive. Fused linear + cross-entropy kernels exist for GPUs only.
from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from loop import ACCUMULATION, main

LAMBDA, ALPHA, GAMMA = 1.2, 1.0, 1.0


def response_logprobs(model: Any, ids: list[int], start: int) -> torch.Tensor:
    """Log-probs [response] of one sequence, without an attention mask so that attention takes its causal path."""
    tokens = torch.tensor([ids])
    # Positions start - 1 .. end - 1 predict the response; logits_to_keep counts from the end.
    logits = model(input_ids=tokens, logits_to_keep=torch.arange(start - 1, len(ids) - 1)).logits[0]
    return -F.cross_entropy(logits, tokens[0, start:], reduction="none")


def run_row(model: Any, row: dict[str, Any]) -> float:
    plain_args = (row["plain_ids"], row["plain_response_start"])
    if row["judged_ids"] is None:
        loss = -response_logprobs(model, *plain_args).mean()
        (loss / ACCUMULATION).backward()
        return loss.item()
    judged = response_logprobs(model, row["judged_ids"], row["judged_response_start"])
    l2 = -judged.mean()
    (l2 / ACCUMULATION).backward()
    judged, l2 = judged.detach(), l2.detach()
    plain = response_logprobs(model, *plain_args)
    q = judged.exp()
    flagged = q > LAMBDA * plain.detach().exp()
    penalty = ALPHA * q**GAMMA * torch.log(-torch.expm1(torch.where(flagged, plain, -1.0)))
    l1 = -torch.where(flagged, penalty, plain).mean()
    (l1 / ACCUMULATION).backward()
    return (l1 + l2).item()


if __name__ == "__main__":
    main("Trains with CUT, leanly, and prints a JSON line for each row.", run_row, "sdpa")

# Peer (a): the work that the released code of arXiv 2312.14591 does for each row, micro-batch 1, in float32.
# Two sequences always run, padded to the longer one and to a multiple of 8; a row without a judgment gets a
# second sequence of nothing but padding; logits and softmax are taken at every position of both.
# Where the released code runs 8-bit base weights and bfloat16 on a GPU, this runs float32 on the CPU.
from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from loop import ACCUMULATION, main

LAMBDA, ALPHA, PAD, IGNORE, MULTIPLE = 1.1, 1.0, 0, -100, 8


def pad(ids: list[int], start: int, length: int) -> tuple[list[int], list[int], list[int]]:
    """Ids, attention mask and labels, padded on the right."""
    missing = length - len(ids)
    labels = [IGNORE] * start + ids[start:] + [IGNORE] * missing
    return ids + [PAD] * missing, [1] * len(ids) + [0] * missing, labels


def both_sequences(row: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, bool]:
    """Ids, mask and labels [2, length]: what is learnt by likelihood first, the contrast's plain side second."""
    contrasted = row["judged_ids"] is not None
    plain, start = row["plain_ids"], row["plain_response_start"]
    if contrasted:
        pair = [(row["judged_ids"], row["judged_response_start"]), (plain, start)]
    else:
        pair = [(plain, start), ([], 0)]
    longest = max(len(ids) for ids, _ in pair)
    length = -(-longest // MULTIPLE) * MULTIPLE
    ids, mask, labels = zip(*(pad(ids, start, length) for ids, start in pair))
    return torch.tensor(ids), torch.tensor(mask), torch.tensor(labels), contrasted


def run_row(model: Any, row: dict[str, Any]) -> float:
    ids, mask, labels, contrasted = both_sequences(row)
    logits = model(input_ids=ids, attention_mask=mask).logits.float()
    probabilities = torch.softmax(logits, dim=-1)[:, :-1]
    targets = labels[:, 1:]
    log_first = torch.log(probabilities[0])
    loss = F.nll_loss(log_first, targets[0], ignore_index=IGNORE)
    if contrasted:
        judged, plain = (
            side[target != IGNORE, target[target != IGNORE]] for side, target in zip(probabilities, targets)
        )
        flagged = (judged / plain).detach() > LAMBDA
        factor = torch.where(flagged, 1 - plain, plain)
        factor = torch.where(factor == 0, factor + 1e-5, factor)
        l1 = -torch.where(flagged, ALPHA * factor.log(), factor.log()).mean()
        loss = (l1 + loss) / 2
    (loss / ACCUMULATION).backward()
    return loss.item()


if __name__ == "__main__":
    main("Trains as the released code does and prints a JSON line for each row.", run_row, "sdpa")

# A plain PyTorch loop that trains every weight of a model on documents: one padded forward and backward a batch, the mean
# negative log-prob of the responses' tokens, clipping, AdamW. The peer of bench/pretrain.bench.ts.
from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--serve", action="store_true", help="the only way there is")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = json.loads(arguments.rows.read_text())
    model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32, attn_implementation="sdpa")
    model.train()
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}],
        lr=1e-4,
        betas=(0.9, 0.98),
        eps=1e-8,
    )
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        batch = [rows[index] for index in json.loads(line)]
        began = time.perf_counter()
        longest = max(len(row["plain_ids"]) for row in batch)
        tokens = torch.tensor([row["plain_ids"] + [0] * (longest - len(row["plain_ids"])) for row in batch])
        # Padding lies behind every token that counts, which causal attention never shows.
        labels = torch.full_like(tokens, -100)
        for i, row in enumerate(batch):
            labels[i, row["plain_response_start"] : len(row["plain_ids"])] = torch.tensor(
                row["plain_ids"][row["plain_response_start"] :]
            )
        logits = model(input_ids=tokens, use_cache=False).logits[:, :-1]
        loss = F.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        answer = {"seconds": time.perf_counter() - began, "loss": loss.item()}
        print(json.dumps({**answer, "tokens": sum(len(r["plain_ids"]) for r in batch), "peak_rss_bytes": 0}), flush=True)


if __name__ == "__main__":
    main()

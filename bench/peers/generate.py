# Greedy generation with transformers' `generate`, eight prompts at a time, padded on the left: the peer of
# bench/generate.bench.ts. A request on stdin is {"prompts": [[ids]...], "limits": [tokens...]}.
from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

BATCH = 8


def memory() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--attention", default="sdpa")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model = AutoModelForCausalLM.from_pretrained(
        arguments.model, dtype=torch.float32, attn_implementation=arguments.attention
    ).eval()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        prompts, limits = request["prompts"], request["limits"]
        began = time.perf_counter()
        made: list[list[int]] = []
        for start in range(0, len(prompts), BATCH):
            some, some_limits = prompts[start : start + BATCH], limits[start : start + BATCH]
            longest = max(len(ids) for ids in some)
            ids = torch.tensor([[0] * (longest - len(p)) + p for p in some])
            mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in some])
            with torch.inference_mode():
                # A batch runs until its longest response ends.
                out = model.generate(
                    input_ids=ids,
                    attention_mask=mask,
                    max_new_tokens=max(some_limits),
                    do_sample=False,
                    pad_token_id=0,
                )
            end = model.generation_config.eos_token_id
            for row, limit in zip(out[:, longest:].tolist(), some_limits, strict=True):
                row = row[:limit]
                made.append(row[: row.index(end) + 1] if end in row else row)
        print(
            json.dumps({"seconds": time.perf_counter() - began, "ids": made, "peak_rss_bytes": memory()}),
            flush=True,
        )


if __name__ == "__main__":
    main()

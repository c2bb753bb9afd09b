# Log-likelihoods of continuations with transformers: the peer of bench/evaluate.bench.ts. Every continuation is a
# request of its own, context and all, as in lm-evaluation-harness (lm_eval/models/huggingface.py): longest first,
# padded on the right, log-softmax over all positions. --lean takes logits of the continuation's positions only.
# A request on stdin is {"groups": [{"context": [ids], "continuations": [[ids]...]}...]}.
from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM


def memory() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--lean", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model = AutoModelForCausalLM.from_pretrained(
        arguments.model, dtype=torch.float32, attn_implementation="sdpa"
    ).eval()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        groups = json.loads(line)["groups"]
        began = time.perf_counter()
        requests = [
            (group, place, context["context"] + ids[:-1], ids)
            for group, context in enumerate(groups)
            for place, ids in enumerate(context["continuations"])
        ]
        requests.sort(key=lambda request: -len(request[2]))
        values = [[0.0] * len(group["continuations"]) for group in groups]
        for start in range(0, len(requests), arguments.batch):
            some = requests[start : start + arguments.batch]
            longest = max(len(ids) for _, _, ids, _ in some)
            inputs = torch.tensor([ids + [0] * (longest - len(ids)) for _, _, ids, _ in some])
            # What is padded stands to the right of what it could disturb, so that no mask is needed.
            first = min(len(ids) - len(continuation) for _, _, ids, continuation in some)
            keep = {"logits_to_keep": longest - first} if arguments.lean else {}
            with torch.inference_mode():
                logits = model(input_ids=inputs, use_cache=False, **keep).logits
                logprobs = F.log_softmax(logits, dim=-1)
            offset = longest - logprobs.shape[1]
            for row, (group, place, ids, continuation) in enumerate(some):
                at = logprobs[row, len(ids) - len(continuation) - offset : len(ids) - offset]
                values[group][place] = float(at.gather(1, torch.tensor(continuation).unsqueeze(1)).sum())
        print(
            json.dumps(
                {"seconds": time.perf_counter() - began, "log_likelihoods": values, "peak_rss_bytes": memory()}
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()

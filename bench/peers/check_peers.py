# Shows that both peers compute what they claim: their losses and LoRA gradients on the golden models.
# Usage: python check_peers.py ../../test/golden/models/llama3; exits with 1 on a difference.
from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

import best_torch
import released_style
from loop import ACCUMULATION


def as_row(triplet: dict[str, Any]) -> dict[str, Any]:
    plain, judged = triplet["plain"], triplet["judged"]
    return {
        "plain_ids": plain["ids"],
        "plain_response_start": plain["response_start"],
        "judged_ids": judged and judged["ids"],
        "judged_response_start": judged and judged["response_start"],
    }


def differences(folder: Path, peer: Any, objective: str) -> tuple[float, float]:
    """Of the batch's loss (relative), and of the worst gradient (relative L2)."""
    golden = json.loads((folder / "losses.json").read_text())
    expected = next(one["loss"] for one in golden["losses"] if one["name"] == objective)
    gradients = load_file(folder / "gradients.safetensors")
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa")
    model = PeftModel.from_pretrained(base, folder / "adapter", is_trainable=True)
    rows = [as_row(triplet) for triplet in golden["triplets"]]
    loss = sum(peer.run_row(model, row) for row in rows) / len(rows)
    worst = 0.0
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            wanted = gradients[f"{objective}/{name.replace('.default', '')}"]
            found = parameter.grad * (ACCUMULATION / len(rows))
            worst = max(worst, ((found - wanted).norm() / wanted.norm()).item())
    return abs(loss - expected) / abs(expected), worst


def main() -> int:
    agree = True
    for folder in map(Path, sys.argv[1:]):
        for peer, objective in ((best_torch, "paper"), (released_style, "released-code")):
            loss, gradient = differences(folder, peer, objective)
            agree &= loss < 1e-5 and gradient < 1e-4
            print(f"{folder.name} {objective}: loss {loss:.1e}, gradient {gradient:.1e}")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())

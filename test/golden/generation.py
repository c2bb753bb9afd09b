# Greedy continuations with a penalty for repetition, by transformers' `generate`, of the golden models.
#   python test/golden/generation.py     writes test/golden/generation.json
from __future__ import annotations

import json
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM

HERE = Path(__file__).parent
PROMPTS = [[1, 5, 9, 5, 9], [1], [1, 7, 3, 30, 31, 32, 33, 34, 35], [1, 44, 44, 44, 44, 44]]
PENALTIES = [1.3, 0.8]


def main() -> None:
    torch.manual_seed(0)
    cases = []
    for family in ["llama3", "mistral", "qwen3", "gemma"]:
        model = AutoModelForCausalLM.from_pretrained(HERE / "models" / family, dtype=torch.float32).eval()
        for penalty in PENALTIES:
            for prompt in PROMPTS:
                ids = torch.tensor([prompt])
                with torch.inference_mode():
                    out = model.generate(
                        input_ids=ids,
                        attention_mask=torch.ones_like(ids),
                        max_new_tokens=24,
                        do_sample=False,
                        repetition_penalty=penalty,
                        pad_token_id=0,
                    )
                cases.append(
                    {"family": family, "penalty": penalty, "prompt": prompt, "ids": out[0, len(prompt) :].tolist()}
                )
    result = {"versions": {"torch": torch.__version__, "transformers": transformers.__version__}, "cases": cases}
    (HERE / "generation.json").write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()

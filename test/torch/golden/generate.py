# Golden values of families that the engine in Whetstone's own process does not know, by transformers, PEFT and plain PyTorch loops
# (test/golden): `python test/torch/golden/generate.py [FAMILY...]`. Beside those of test/golden, greedy text of 64 tokens.
from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, OPTConfig, OPTForCausalLM, PhiConfig, PhiForCausalLM

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "golden"))

import generate  # noqa: E402
from families import SPECIAL, Family, generator, load_model  # noqa: E402
from reference import next_logprobs, random_ids  # noqa: E402
from storage import write_json  # noqa: E402
from training import PAPER, Recipe  # noqa: E402

SIZES = {"num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 256}


def families() -> list[Family]:
    return [
        # Rotates a quarter of each head, runs attention beside the MLP, and has q, k and v in one matrix. Its vocabulary
        # has room for a tokenizer of bytes.
        Family(
            "gpt_neox",
            GPTNeoXForCausalLM,
            GPTNeoXConfig(vocab_size=320, hidden_size=32, intermediate_size=44, **SIZES, **SPECIAL),
            lora_targets=["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"],
        ),
        # Rotates half of each head, runs attention beside the MLP behind one norm, and has biases everywhere, at the head too.
        Family(
            "phi",
            PhiForCausalLM,
            PhiConfig(vocab_size=101, hidden_size=32, intermediate_size=44, num_key_value_heads=2, **SIZES, **SPECIAL),
            lora_targets=["q_proj", "v_proj", "dense", "fc1", "fc2"],
        ),
        # Learned positions, that begin at 2, embeddings narrower than the layers and tied to the head, and norms with biases.
        Family(
            "opt",
            OPTForCausalLM,
            OPTConfig(vocab_size=101, hidden_size=32, ffn_dim=44, word_embed_proj_dim=24, **SIZES, **SPECIAL),
            lora_targets=["q_proj", "k_proj", "out_proj", "fc1", "fc2"],
        ),
    ]


RECIPES = {family: Recipe(PAPER) for family in ("gpt_neox", "phi", "opt")}


def greedy(model: Any, prompt: list[int], new_tokens: int) -> dict[str, Any] | None:
    """Each token the likeliest of a forward pass without a cache; None where one is too close to call (gap <= 1e-3)."""
    ids = list(prompt)
    for _ in range(new_tokens):
        top = torch.topk(next_logprobs(model, ids), 2)
        if float(top.values[0] - top.values[1]) <= 1e-3:
            return None
        ids.append(int(top.indices[0]))
    made = ids[len(prompt) :]
    return {"prompt": prompt, "ids": made} if len(set(made)) >= 3 else None


def write_greedy(family: Family, folder: Path) -> None:
    model = generate.load_adapted(folder, folder / "adapter")
    rng = generator(family.name, "greedy")
    found: list[dict[str, Any]] = []
    for attempt in range(400):
        made = greedy(model, [1, *random_ids(2 + 5 * (attempt % 3), family.config.vocab_size, rng)], 64)
        if made is not None and all(len(one["prompt"]) != len(made["prompt"]) for one in found):
            found.append(made)
        if len(found) == 3:
            break
    assert found, "no continuation keeps clear of ties"
    write_json(folder / "greedy.json", found)


def main() -> None:
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", module="peft")
    torch.set_num_threads(1)
    generate.MODELS, generate.RECIPES = HERE, RECIPES
    for family in (each for each in families() if len(sys.argv) < 2 or each.name in sys.argv[1:]):
        generate.write_family(family)
        generate.write_trajectory(family)
        write_greedy(family, HERE / family.name)
    generate.HERE = HERE
    generate.write_versions()


if __name__ == "__main__":
    main()

"""FLOPs of a training step as PyTorch counts them, for src/scale: python flops.py > flops.json

Layers are recomputed in the backward pass; LoRA adapters or every weight are trained. Attention is counted whole there,
without its masked half.
"""
import json

import torch
from peft import LoraConfig, get_peft_model
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM

SHAPE = dict(
    vocab_size=3000, hidden_size=256, intermediate_size=704, num_hidden_layers=12, num_attention_heads=8,
    num_key_value_heads=4, tie_word_embeddings=False,
)
RANK, TARGETS = 2, ["gate_proj", "up_proj", "down_proj"]


def flops(lora: bool, tokens: int, response: int) -> int:
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, attn_implementation="eager"))
    if lora:
        model = get_peft_model(model, LoraConfig(r=RANK, target_modules=TARGETS))
        model.enable_input_require_grads()
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.train()
    ids = torch.randint(0, SHAPE["vocab_size"], (1, tokens))
    with FlopCounterMode(display=False) as counter:
        logits = model(ids, logits_to_keep=response, use_cache=False).logits
        logits.log_softmax(-1).select(-1, 0).sum().backward()
    return counter.get_total_flops()


cases = [dict(lora=lora, tokens=t, responseTokens=r) for lora in (True, False) for t, r in ((64, 16), (512, 300))]
print(json.dumps({
    "config": {"model_type": "llama", **SHAPE}, "rank": RANK, "targets": TARGETS,
    "cases": [{**case, "flops": flops(case["lora"], case["tokens"], case["responseTokens"])} for case in cases],
}, indent=1))

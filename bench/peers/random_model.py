# A model of any shape with random weights, for measurements that do not depend on what it says:
#   python random_model.py FAMILY HIDDEN MLP LAYERS HEADS KV_HEADS VOCAB DTYPE OUT
from __future__ import annotations

import sys

import torch
from transformers import AutoConfig, AutoModelForCausalLM

family, *sizes, dtype, out = sys.argv[1:]
hidden, mlp, layers, heads, kv_heads, vocab = map(int, sizes)
config = AutoConfig.for_model(
    family,
    hidden_size=hidden,
    intermediate_size=mlp,
    num_hidden_layers=layers,
    num_attention_heads=heads,
    num_key_value_heads=kv_heads,
    head_dim=hidden // heads,
    vocab_size=vocab,
    max_position_embeddings=4096,
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
)
torch.manual_seed(0)
torch.set_default_dtype(getattr(torch, dtype))
AutoModelForCausalLM.from_config(config).save_pretrained(out)

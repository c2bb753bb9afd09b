# A model of any shape with random weights, for measurements that do not depend on what it says, written shard by shard, so
# that it may be larger than memory:
#   python random_model.py FAMILY HIDDEN MLP LAYERS HEADS KV_HEADS VOCAB DTYPE OUT
from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

SHARD_BYTES = 1 << 30

family, *sizes, dtype, folder = sys.argv[1:]
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
    torch_dtype=dtype,
)
torch.manual_seed(0)
out = Path(folder)
out.mkdir(parents=True, exist_ok=True)
config.architectures = [AutoModelForCausalLM._model_mapping[type(config)].__name__]
config.save_pretrained(out)
with torch.device("meta"):
    model = AutoModelForCausalLM.from_config(config)
names: dict[str, str] = {}
shard: dict[str, torch.Tensor] = {}


def flush() -> None:
    if not shard:
        return
    name = f"model-{len(set(names.values())) + 1:05}.safetensors"
    save_file(shard, out / name, metadata={"format": "pt"})
    names.update(dict.fromkeys(shard, name))
    shard.clear()


for name, parameter in model.named_parameters():
    if parameter.dim() > 1:
        value = torch.empty(parameter.shape).normal_(std=config.initializer_range)
    else:
        value = torch.zeros(parameter.shape) if name.endswith("bias") else torch.ones(parameter.shape)
    shard[name] = value.to(getattr(torch, dtype))
    if sum(tensor.nbytes for tensor in shard.values()) >= SHARD_BYTES:
        flush()
flush()
index = {"metadata": {}, "weight_map": names}
(out / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))

# A GGUF in float32, or with --q8_0 its matrices in Q8_0, of a Llama checkpoint with a byte-level BPE tokenizer, such as
# make_checkpoint.py writes, for llama_cpp.mjs. `pip install gguf safetensors numpy`.
from __future__ import annotations

import argparse
import json
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file

LAYER = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def rotated_in_pairs(weight: np.ndarray, heads: int) -> np.ndarray:
    """llama.cpp rotates neighbouring dimensions of a head, Hugging Face's weights expect halves."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows, columns))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--q8_0", action="store_true")
    arguments = parser.parse_args()
    config = json.loads((arguments.model / "config.json").read_text())
    tokenizer = json.loads((arguments.model / "tokenizer.json").read_text())
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]

    writer = gguf.GGUFWriter(str(arguments.out), "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    theta = config.get("rope_theta") or config.get("rope_parameters", {}).get("rope_theta")
    writer.add_rope_freq_base(theta)
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0 if arguments.q8_0 else gguf.LlamaFileType.ALL_F32)

    vocabulary = {index: token for token, index in tokenizer["model"]["vocab"].items()}
    special = {token["id"]: token["content"] for token in tokenizer["added_tokens"]}
    tokens, kinds = [], []
    for index in range(config["vocab_size"]):
        known = special.get(index) or vocabulary.get(index)
        tokens.append(known or f"[unused{index}]")
        control = index in special or known is None
        kinds.append(gguf.TokenType.CONTROL if control else gguf.TokenType.NORMAL)
    merges = [m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    eos = config["eos_token_id"]
    writer.add_eos_token_id(eos[0] if isinstance(eos, list) else eos)
    writer.add_add_bos_token(False)

    def add(name: str, tensor: np.ndarray) -> None:
        if arguments.q8_0 and tensor.ndim == 2:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(tensor, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, tensor)

    for file in sorted(arguments.model.glob("*.safetensors")):
        for name, tensor in load_file(file).items():
            tensor = tensor.astype(np.float32)
            if name == "model.embed_tokens.weight":
                add("token_embd.weight", tensor)
            elif name == "model.norm.weight":
                add("output_norm.weight", tensor)
            elif name == "lm_head.weight":
                add("output.weight", tensor)
            else:
                _, _, layer, rest = name.split(".", 3)
                part = rest.removesuffix(".weight")
                if part == "self_attn.q_proj":
                    tensor = rotated_in_pairs(tensor, heads)
                if part == "self_attn.k_proj":
                    tensor = rotated_in_pairs(tensor, kv_heads)
                add(f"blk.{layer}.{LAYER[part]}.weight", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()

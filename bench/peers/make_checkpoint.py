# Writes a random-weight checkpoint of SmolLM2-135M's shape with a tokenizer trained on a given text file.
# Speed depends on shapes and lengths only, so random weights do; knows nothing of training.
from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

SPECIAL_TOKENS = ["<pad>", "<s>", "</s>"]


def config() -> LlamaConfig:
    """SmolLM2-135M: 134.5M parameters, of which 28.3M are the tied embedding."""
    return LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
        hidden_act="silu",
        initializer_range=0.04,
        rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )


def train_tokenizer(text: Path, vocab_size: int) -> Tokenizer:
    """Byte-level BPE; `vocab_size` sets how long a token is, the model's vocabulary is larger."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train([str(text)], trainer)
    return tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--text", type=Path, required=True, help="text to train the tokenizer on")
    parser.add_argument(
        "--vocab_size", type=int, default=6000, help="the tokenizer's; the model's stays 49152"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    torch.manual_seed(arguments.seed)
    model = LlamaForCausalLM(config())
    model.save_pretrained(arguments.out, max_shard_size="1GB")

    tokenizer = train_tokenizer(arguments.text, arguments.vocab_size)
    tokenizer.save(str(arguments.out / "tokenizer.json"))
    (arguments.out / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "pad_token": "<pad>",
                "bos_token": "<s>",
                "eos_token": "</s>",
                "model_max_length": 8192,
                "clean_up_tokenization_spaces": False,
            },
            indent=2,
        )
        + "\n"
    )
    text = arguments.text.read_text(encoding="utf-8")
    print(
        json.dumps(
            {
                "parameters": sum(p.numel() for p in model.parameters()),
                "characters_per_token": round(len(text) / len(tokenizer.encode(text).ids), 3),
            }
        )
    )


if __name__ == "__main__":
    main()

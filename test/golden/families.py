# The tiny random-weight models of the goldens: one entry a decoder family, written as Hugging Face folders.
# Knows configurations and weight initialisation; knows nothing of losses or of what is checked with the models.
from __future__ import annotations

import json
import shutil
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GemmaConfig,
    GemmaForCausalLM,
    GraniteConfig,
    GraniteForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Olmo2Config,
    Olmo2ForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    SmolLM3Config,
    SmolLM3ForCausalLM,
)

MLP = ["gate_proj", "up_proj", "down_proj"]
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
FUSED = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]
SPECIAL = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}


@dataclass(frozen=True)
class Family:
    """A model to write: its classes, configuration, storage type, and how its config.json is spelled."""

    name: str
    model: type[PreTrainedModel]
    config: Any
    lora_targets: list[str] = field(default_factory=lambda: MLP)
    dtype: torch.dtype = torch.float32
    shard_bytes: int | None = None
    # Replaces config.json by a hand-written one in the spelling of transformers 4.x.
    old_config: dict[str, Any] | None = None
    full_gradients: bool = False


def families() -> list[Family]:
    """All goldens' models. Sizes are small, unequal and not all powers of two, so that a mixed-up axis shows."""
    return [
        Family(
            "llama3",
            LlamaForCausalLM,
            LlamaConfig(
                vocab_size=101,
                hidden_size=32,
                intermediate_size=44,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=512,
                tie_word_embeddings=True,
                rms_norm_eps=1e-5,
                # Wavelengths 6, 30, 140 and 660 positions: one kept, one blended, two scaled.
                rope_parameters={
                    "rope_type": "llama3",
                    "rope_theta": 500.0,
                    "factor": 8.0,
                    "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0,
                    "original_max_position_embeddings": 64,
                },
                **SPECIAL,
            ),
            full_gradients=True,
        ),
        Family(
            "llama2",
            LlamaForCausalLM,
            LlamaConfig(
                vocab_size=96,
                hidden_size=32,
                intermediate_size=44,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=4,
                max_position_embeddings=256,
                tie_word_embeddings=False,
                rms_norm_eps=1e-5,
                rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
                **SPECIAL,
            ),
        ),
        Family(
            "llama-linear",
            LlamaForCausalLM,
            LlamaConfig(
                vocab_size=96,
                hidden_size=32,
                intermediate_size=40,
                num_hidden_layers=3,
                num_attention_heads=2,
                num_key_value_heads=1,
                max_position_embeddings=256,
                tie_word_embeddings=False,
                rms_norm_eps=1e-6,
                attention_bias=True,
                mlp_bias=True,
                rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.5},
                **SPECIAL,
            ),
            old_config={
                "architectures": ["LlamaForCausalLM"],
                "attention_bias": True,
                "attention_dropout": 0.0,
                "bos_token_id": 1,
                "eos_token_id": 2,
                "pad_token_id": 0,
                "hidden_act": "silu",
                "hidden_size": 32,
                "initializer_range": 0.02,
                "intermediate_size": 40,
                "max_position_embeddings": 256,
                "mlp_bias": True,
                "model_type": "llama",
                "num_attention_heads": 2,
                "num_hidden_layers": 3,
                "num_key_value_heads": 1,
                "pretraining_tp": 1,
                "rms_norm_eps": 1e-06,
                "rope_scaling": {"type": "linear", "factor": 2.5},
                "rope_theta": 10000.0,
                "tie_word_embeddings": False,
                "torch_dtype": "float32",
                "transformers_version": "4.38.2",
                "use_cache": True,
                "vocab_size": 96,
            },
        ),
        Family(
            "mistral",
            MistralForCausalLM,
            MistralConfig(
                vocab_size=104,
                hidden_size=32,
                intermediate_size=44,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                head_dim=8,
                max_position_embeddings=256,
                sliding_window=8,
                tie_word_embeddings=False,
                rms_norm_eps=1e-5,
                rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
                **SPECIAL,
            ),
        ),
        Family(
            "qwen2",
            Qwen2ForCausalLM,
            Qwen2Config(
                vocab_size=96,
                hidden_size=40,
                intermediate_size=44,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=256,
                tie_word_embeddings=True,
                rms_norm_eps=1e-6,
                rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
                **SPECIAL,
            ),
            lora_targets=ATTENTION + MLP,
            old_config={
                "architectures": ["Qwen2ForCausalLM"],
                "attention_dropout": 0.0,
                "bos_token_id": 1,
                "eos_token_id": 2,
                "pad_token_id": 0,
                "hidden_act": "silu",
                "hidden_size": 40,
                "initializer_range": 0.02,
                "intermediate_size": 44,
                "max_position_embeddings": 256,
                "max_window_layers": 2,
                "model_type": "qwen2",
                "num_attention_heads": 4,
                "num_hidden_layers": 2,
                "num_key_value_heads": 2,
                "rms_norm_eps": 1e-06,
                "rope_scaling": None,
                "rope_theta": 1000000.0,
                "sliding_window": 4,
                "tie_word_embeddings": True,
                "torch_dtype": "float32",
                "transformers_version": "4.46.3",
                "use_cache": True,
                "use_sliding_window": False,
                "vocab_size": 96,
            },
        ),
        Family(
            "qwen3",
            Qwen3ForCausalLM,
            Qwen3Config(
                vocab_size=96,
                hidden_size=32,
                intermediate_size=44,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                head_dim=12,
                max_position_embeddings=256,
                tie_word_embeddings=False,
                rms_norm_eps=1e-6,
                rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
                **SPECIAL,
            ),
        ),
        Family(
            "gemma",
            GemmaForCausalLM,
            GemmaConfig(
                vocab_size=112,
                hidden_size=32,
                intermediate_size=44,
                num_hidden_layers=2,
                num_attention_heads=3,
                num_key_value_heads=1,
                head_dim=16,
                max_position_embeddings=256,
                rms_norm_eps=1e-6,
                tie_word_embeddings=True,
                hidden_act="gelu_pytorch_tanh",
                rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
                **SPECIAL,
            ),
            lora_targets=ATTENTION + MLP,
            full_gradients=True,
        ),
        Family(
            "llama3-bf16-sharded",
            LlamaForCausalLM,
            LlamaConfig(
                vocab_size=96,
                hidden_size=48,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=6,
                num_key_value_heads=2,
                max_position_embeddings=512,
                tie_word_embeddings=False,
                rms_norm_eps=1e-5,
                rope_parameters={
                    "rope_type": "llama3",
                    "rope_theta": 500.0,
                    "factor": 4.0,
                    "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0,
                    "original_max_position_embeddings": 32,
                },
                **SPECIAL,
            ),
            dtype=torch.bfloat16,
            shard_bytes=34_000,
            old_config={
                "architectures": ["LlamaForCausalLM"],
                "attention_bias": False,
                "attention_dropout": 0.0,
                "bos_token_id": 1,
                "eos_token_id": [2, 5],
                "pad_token_id": 0,
                "head_dim": 8,
                "hidden_act": "silu",
                "hidden_size": 48,
                "initializer_range": 0.02,
                "intermediate_size": 64,
                "max_position_embeddings": 512,
                "mlp_bias": False,
                "model_type": "llama",
                "num_attention_heads": 6,
                "num_hidden_layers": 2,
                "num_key_value_heads": 2,
                "pretraining_tp": 1,
                "rms_norm_eps": 1e-05,
                "rope_scaling": {
                    "factor": 4.0,
                    "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0,
                    "original_max_position_embeddings": 32,
                    "rope_type": "llama3",
                },
                "rope_theta": 500.0,
                "tie_word_embeddings": False,
                "torch_dtype": "bfloat16",
                "transformers_version": "4.45.2",
                "use_cache": True,
                "vocab_size": 96,
            },
        ),
        Family(
            "mistral-fp16",
            MistralForCausalLM,
            MistralConfig(
                vocab_size=96,
                hidden_size=32,
                intermediate_size=44,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=1,
                head_dim=10,
                max_position_embeddings=256,
                sliding_window=None,
                tie_word_embeddings=False,
                rms_norm_eps=1e-5,
                rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
                **SPECIAL,
            ),
            dtype=torch.float16,
        ),
        Family(
            "granite",
            GraniteForCausalLM,
            GraniteConfig(
                vocab_size=96,
                hidden_size=32,
                intermediate_size=44,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=256,
                tie_word_embeddings=True,
                rms_norm_eps=1e-5,
                attention_bias=True,
                mlp_bias=True,
                embedding_multiplier=3.0,
                attention_multiplier=0.2,
                residual_multiplier=0.6,
                logits_scaling=0.7,
                rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
                **SPECIAL,
            ),
            lora_targets=ATTENTION + MLP,
        ),
        Family(
            "smollm3",
            SmolLM3ForCausalLM,
            SmolLM3Config(
                vocab_size=96,
                hidden_size=32,
                intermediate_size=44,
                num_hidden_layers=3,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=256,
                tie_word_embeddings=True,
                rms_norm_eps=1e-6,
                # The second layer alone has no rope, and for that a window.
                no_rope_layer_interval=2,
                use_sliding_window=True,
                sliding_window=6,
                rope_parameters={"rope_type": "default", "rope_theta": 500.0},
                **SPECIAL,
            ),
            lora_targets=["q_proj", "v_proj", "up_proj"],
        ),
        Family(
            "phi3",
            Phi3ForCausalLM,
            Phi3Config(
                vocab_size=96,
                hidden_size=48,
                intermediate_size=44,
                num_hidden_layers=2,
                num_attention_heads=3,
                num_key_value_heads=1,
                max_position_embeddings=256,
                original_max_position_embeddings=64,
                sliding_window=9,
                tie_word_embeddings=False,
                rms_norm_eps=1e-5,
                # 12 of a head's 16 dimensions are turned.
                rope_parameters={
                    "rope_type": "longrope",
                    "rope_theta": 500.0,
                    "partial_rotary_factor": 0.75,
                    "short_factor": [1.0, 1.1, 1.3, 1.7, 2.0, 2.6],
                    "long_factor": [1.0, 2.0, 4.0, 6.0, 7.0, 8.0],
                },
                **SPECIAL,
            ),
            lora_targets=FUSED,
            full_gradients=True,
        ),
        Family(
            "olmo2",
            Olmo2ForCausalLM,
            Olmo2Config(
                vocab_size=96,
                hidden_size=32,
                intermediate_size=44,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=256,
                tie_word_embeddings=False,
                attention_bias=True,
                rms_norm_eps=1e-5,
                rope_parameters={"rope_type": "default", "rope_theta": 500000.0},
                **SPECIAL,
            ),
            lora_targets=ATTENTION + MLP,
            full_gradients=True,
        ),
        Family(
            "gemma2",
            Gemma2ForCausalLM,
            Gemma2Config(
                vocab_size=96,
                hidden_size=32,
                intermediate_size=44,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                head_dim=12,
                max_position_embeddings=256,
                # Tied, random embeddings as large as these would only repeat their token.
                tie_word_embeddings=False,
                # Low enough that neither cap is nearly the identity; the scalar is not the head's dimension.
                attn_logit_softcapping=3.0,
                final_logit_softcapping=12.0,
                query_pre_attn_scalar=10,
                sliding_window=7,
                attention_bias=True,
                rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
                **SPECIAL,
            ),
            lora_targets=ATTENTION + MLP,
            full_gradients=True,
        ),
        Family(
            "gemma3",
            Gemma3ForCausalLM,
            Gemma3TextConfig(
                vocab_size=96,
                hidden_size=32,
                intermediate_size=44,
                num_hidden_layers=3,
                num_attention_heads=4,
                num_key_value_heads=2,
                head_dim=10,
                max_position_embeddings=256,
                query_pre_attn_scalar=14,
                sliding_window=7,
                sliding_window_pattern=2,
                tie_word_embeddings=False,
                **SPECIAL,
            ),
            lora_targets=["k_proj", "o_proj", "gate_proj"],
            old_config={
                "architectures": ["Gemma3ForCausalLM"],
                "attention_bias": False,
                "attention_dropout": 0.0,
                "attn_logit_softcapping": None,
                "bos_token_id": 1,
                "eos_token_id": 2,
                "pad_token_id": 0,
                "final_logit_softcapping": None,
                "head_dim": 10,
                "hidden_activation": "gelu_pytorch_tanh",
                "hidden_size": 32,
                "initializer_range": 0.02,
                "intermediate_size": 44,
                "max_position_embeddings": 256,
                "model_type": "gemma3_text",
                "num_attention_heads": 4,
                "num_hidden_layers": 3,
                "num_key_value_heads": 2,
                "query_pre_attn_scalar": 14,
                "rms_norm_eps": 1e-06,
                "rope_local_base_freq": 100.0,
                "rope_scaling": {"factor": 2.5, "rope_type": "linear"},
                "rope_theta": 3000.0,
                "sliding_window": 7,
                "sliding_window_pattern": 2,
                "tie_word_embeddings": False,
                "torch_dtype": "float32",
                "transformers_version": "4.50.0.dev0",
                "use_cache": True,
                "vocab_size": 96,
            },
            full_gradients=True,
        ),
    ]


def seed_of(*parts: object) -> int:
    """A seed that depends on names only, so that adding a family changes no other family's numbers."""
    return zlib.crc32("/".join(map(str, parts)).encode())


def generator(*parts: object) -> torch.Generator:
    return torch.Generator().manual_seed(seed_of(*parts))


def write_model(family: Family, folder: Path) -> None:
    """Writes `folder` anew: config.json, generation_config.json and safetensors with random weights.

    Matrices have standard deviation 0.25 (embeddings 0.35), norm gains scatter around 1 (around 0 for
    the Gemmas, whose norms multiply by 1 + w), biases around 0, so that no term can be left out unnoticed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    model = family.model(family.config)
    rng = generator(family.name, "weights")
    gain = 0.0 if family.config.model_type.startswith("gemma") else 1.0
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=rng)
            if "norm" in name:
                parameter.copy_(gain + 0.3 * noise)
            elif name.endswith("bias"):
                parameter.copy_(0.3 * noise)
            else:
                parameter.copy_((0.35 if "embed" in name or "lm_head" in name else 0.25) * noise)
    shards = {} if family.shard_bytes is None else {"max_shard_size": family.shard_bytes}
    model.to(family.dtype).save_pretrained(folder, **shards)
    if family.old_config is not None:
        (folder / "config.json").write_text(json.dumps(family.old_config, indent=2) + "\n")


def load_model(folder: Path, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """The reference: the folder as transformers reads it, eager attention, no dropout."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return model.to(dtype).eval()

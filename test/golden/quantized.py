# Tiny models as quantizers store them, written by the published formulas, and what PyTorch gives with the numbers that the
# codes stand for: `python quantized.py`. Needs torch, transformers, peft and safetensors; where `compressed_tensors` can be
# imported, its own reader is held against the codes too.
#
# GPTQ: ModelCloud/GPTQModel f4c327a1, gptqmodel/nn_modules/qlinear/__init__.py (`dequantize_weight`), and
# gptqmodel/utils/model.py (`convert_gptq_v1_to_v2_format_module`: format "gptq" stores zeros less 1).
# compressed-tensors: vllm-project/compressed-tensors ac8e2ba8, src/compressed_tensors/compressors/{pack,naive}_quantized.
from __future__ import annotations

import json
import math
import shutil
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from peft import get_peft_model
from safetensors.torch import save_file
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from families import generator
from generate import MODELS, OBJECTIVES, evaluate, lora_config, make_triplets, save_adapter
from reference import logprobs, make_sequence
from storage import floats, write_json, write_tensors

TARGETS = ["q_proj", "gate_proj", "up_proj", "down_proj"]


@dataclass(frozen=True)
class Codes:
    """Signed codes [out, in]; scales and zeros [out, groups]; the group of each input [in]."""

    codes: Tensor
    scales: Tensor
    zeros: Tensor
    groups: Tensor
    bits: int

    def weight(self) -> Tensor:
        """(code - zero) * scale in float32, [out, in]."""
        scale, zero = self.scales.float()[:, self.groups], self.zeros[:, self.groups]
        return (self.codes - zero).float() * scale


@dataclass(frozen=True)
class Variant:
    name: str
    method: str
    bits: int
    group: int
    symmetric: bool
    dtype: torch.dtype = torch.float16
    ordered: tuple[str, ...] = ()
    """Modules whose groups are in another order than their inputs."""
    kept: tuple[str, ...] = ("lm_head",)
    """Modules that were not quantized."""
    config: dict[str, Any] = field(default_factory=dict)
    embeddings: bool = False


def scheme(bits: int, group: int, symmetric: bool, **more: Any) -> dict[str, Any]:
    strategy = {"strategy": "channel", "group_size": None} if group == -1 else {"strategy": "group", "group_size": group}
    return {"num_bits": bits, "type": "int", "symmetric": symmetric, "dynamic": False, **strategy, **more}


def compressed(form: str, weights: dict[str, Any], ignore: tuple[str, ...], **more: Any) -> dict[str, Any]:
    group = {"targets": ["Linear"], "weights": weights, "input_activations": None, "output_activations": None, **more}
    return {
        "quant_method": "compressed-tensors",
        "format": form,
        "quantization_status": "compressed",
        "config_groups": {"group_0": group},
        "ignore": list(ignore),
    }


def gptq(bits: int, group: int, symmetric: bool, form: str, ordered: bool) -> dict[str, Any]:
    return {
        "quant_method": "gptq",
        "bits": bits,
        "group_size": group,
        "sym": symmetric,
        "desc_act": ordered,
        "checkpoint_format": form,
        "pack_dtype": "int32",
    }


DYNAMIC = {"num_bits": 8, "type": "int", "symmetric": True, "dynamic": True, "strategy": "token"}

VARIANTS = [
    Variant("gptq-4", "gptq", 4, 16, True, config=gptq(4, 16, True, "gptq", False)),
    Variant(
        "gptq-4-v2-ordered",
        "gptq_v2",
        4,
        16,
        False,
        ordered=("q_proj", "down_proj"),
        config=gptq(4, 16, False, "gptq_v2", True),
    ),
    Variant("gptq-8", "gptq", 8, -1, False, config=gptq(8, -1, False, "gptq", False)),
    Variant(
        "ct-pack-4",
        "pack",
        4,
        32,
        True,
        torch.bfloat16,
        kept=("lm_head", "model.layers.1.mlp.down_proj", "model.layers.0.mlp.down_proj"),
        config=compressed("pack-quantized", scheme(4, 32, True), ("lm_head", "re:.*down_proj")),
    ),
    Variant(
        "ct-pack-4-asym",
        "pack",
        4,
        8,
        False,
        kept=(),
        ordered=("v_proj",),
        config=compressed("pack-quantized", scheme(4, 8, False, actorder="group"), ()),
        embeddings=True,
    ),
    Variant(
        "ct-int-8",
        "int",
        8,
        -1,
        True,
        torch.bfloat16,
        config=compressed("int-quantized", scheme(8, -1, True), ("lm_head",), input_activations=DYNAMIC),
    ),
]


def quantize(weight: Tensor, variant: Variant, name: str, rng: torch.Generator) -> Codes:
    """Round to nearest; whatever is lost, the codes are what counts."""
    out, width = weight.shape
    group = width if variant.group == -1 else variant.group
    groups = torch.arange(width) // group
    if any(part in name for part in variant.ordered):
        groups = groups[torch.randperm(width, generator=rng)]
    count = math.ceil(width / group)
    half = 2 ** (variant.bits - 1)
    scales, zeros = torch.empty(out, count), torch.zeros(out, count, dtype=torch.int64)
    for g in range(count):
        part = weight[:, groups == g]
        if variant.symmetric:
            scales[:, g] = part.abs().amax(1) / half
        else:
            low, high = part.amin(1).clamp(max=0), part.amax(1).clamp(min=0)
            scales[:, g] = (high - low) / (2 * half - 1)
            # Format "gptq" cannot say that a zero is 0 or 2 ** bits.
            zeros[:, g] = (-low / scales[:, g]).round().clamp(1, 2 * half - 2).long() - half
    scales = scales.to(variant.dtype)
    codes = (weight / scales.float()[:, groups]).round().long() + zeros[:, groups]
    return Codes(codes.clamp(-half, half - 1), scales, zeros, groups, variant.bits)


def pack(fields: Tensor, bits: int) -> Tensor:
    """Unsigned fields [lines, n] into int32 [lines, ceil(n * bits / 32)], the first field in the lowest bits."""
    per_word = 32 // bits
    padded = torch.nn.functional.pad(fields, (0, -fields.shape[1] % per_word))
    words = padded.reshape(len(fields), -1, per_word) << (bits * torch.arange(per_word))
    total = words.sum(-1)
    return torch.where(total >= 2**31, total - 2**32, total).to(torch.int32).contiguous()


def stored(module: str, made: Codes, variant: Variant) -> dict[str, Tensor]:
    half = 2 ** (variant.bits - 1)
    unsigned = made.codes + half
    if variant.method.startswith("gptq"):
        less = 1 if variant.method == "gptq" else 0
        return {
            f"{module}.qweight": pack(unsigned, variant.bits).T.contiguous(),
            f"{module}.qzeros": pack((made.zeros + half - less).T, variant.bits),
            f"{module}.scales": made.scales.T.contiguous(),
            f"{module}.g_idx": made.groups.to(torch.int32),
        }
    tensors = {f"{module}.weight_scale": made.scales}
    if variant.method == "pack":
        tensors[f"{module}.weight_packed"] = pack(unsigned, variant.bits)
        tensors[f"{module}.weight_shape"] = torch.tensor(made.codes.shape)
        if not variant.symmetric:
            tensors[f"{module}.weight_zero_point"] = pack((made.zeros + half).T, variant.bits).T.contiguous()
    else:
        tensors[f"{module}.weight"] = made.codes.to(torch.int8)
    if any(part in module for part in variant.ordered):
        tensors[f"{module}.weight_g_idx"] = made.groups.to(torch.int32)
    return tensors


def check_by_their_reader(module: str, made: Codes, tensors: dict[str, Tensor], variant: Variant) -> bool:
    """compressed-tensors' own decompression; its result is rounded to the scales' dtype."""
    try:
        from compressed_tensors.compressors.naive_quantized.base import NaiveQuantizationCompressor
        from compressed_tensors.compressors.pack_quantized.base import PackedQuantizationCompressor
        from compressed_tensors.quantization import QuantizationScheme
    except ImportError:
        return False
    reader = PackedQuantizationCompressor if variant.method == "pack" else NaiveQuantizationCompressor
    theirs = QuantizationScheme(**variant.config["config_groups"]["group_0"])
    local = {name.removeprefix(f"{module}."): value for name, value in tensors.items()}
    local["weight_scale"] = local["weight_scale"].float()
    weight = reader.decompress(local, theirs)["weight"]
    assert torch.equal(weight, made.weight()), module
    return True


def write(variant: Variant) -> None:
    folder = MODELS / variant.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = LlamaConfig(
        vocab_size=101,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        tie_word_embeddings=False,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    model = LlamaForCausalLM(config)
    rng = generator(variant.name, "weights")
    tensors: dict[str, Tensor] = {}
    checked = False
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=rng)
            module = name.removesuffix(".weight")
            if "norm" in name:
                parameter.copy_((1 + 0.3 * noise).to(variant.dtype))
            else:
                parameter.copy_(((0.35 if "embed" in name or "lm_head" in name else 0.25) * noise).to(variant.dtype))
            is_kept = "norm" in name or ("embed" in name and not variant.embeddings) or module in variant.kept
            if is_kept:
                tensors[name] = parameter.detach().to(variant.dtype).clone()
                continue
            made = quantize(parameter, variant, module, rng)
            own = stored(module, made, variant)
            if not variant.method.startswith("gptq"):
                checked = check_by_their_reader(module, made, own, variant)
            tensors |= own
            parameter.copy_(made.weight())
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    described = {**config.to_dict(), "architectures": ["LlamaForCausalLM"], "quantization_config": variant.config}
    described["dtype"] = str(variant.dtype).removeprefix("torch.")
    (folder / "config.json").write_text(json.dumps(described, indent=2, sort_keys=True) + "\n")
    write_reference(variant, model.float().eval(), folder)
    print(f"{variant.name}: {'their reader agrees' if checked else 'not checked by another reader'}")


def write_reference(variant: Variant, base: LlamaForCausalLM, folder: Path) -> None:
    """Log-probs of the base, then with an adapter a loss, its gradients, and log-probs after one step of AdamW."""
    rng = generator(variant.name, "sequences")
    sequences = [make_sequence(base, 101, prompt, response, rng) for prompt, response in [(3, 9), (14, 20)]]
    rows = []
    with torch.no_grad():
        for sequence in sequences:
            rows.append({**sequence.as_json(), "logprobs": floats(logprobs(base, sequence))})
    adapted = get_peft_model(base, lora_config(TARGETS, variant.name))
    with torch.no_grad():
        for name, parameter in sorted(adapted.named_parameters()):
            if parameter.requires_grad:
                parameter.copy_((0.2 if "lora_A" in name else 0.15) * torch.randn(parameter.shape, generator=rng))
    save_adapter(adapted, folder / "adapter", variant.name)
    family = type("Named", (), {"config": base.config, "name": variant.name})
    triplets = make_triplets(adapted, family, 4, rng, [(7, 0, 6), (9, 6, 11), (15, 0, 9), (5, 12, 7)])
    objective = next(one for one in OBJECTIVES if one.name == "paper")
    with torch.no_grad():
        for row, sequence in zip(rows, sequences):
            row["adapter_logprobs"] = floats(logprobs(adapted, sequence))
    described, gradients = evaluate(adapted, triplets, objective)
    optimizer = torch.optim.AdamW([p for p in adapted.parameters() if p.requires_grad], lr=1e-3, weight_decay=0.0)
    optimizer.step()
    with torch.no_grad():
        for row, sequence in zip(rows, sequences):
            row["stepped_logprobs"] = floats(logprobs(adapted, sequence))
    write_json(folder / "sequences.json", rows)
    batch = [
        {"plain": one.plain.as_json(), "judged": None if one.judged is None else one.judged.as_json()}
        for one in triplets
    ]
    write_json(folder / "losses.json", {"triplets": batch, "losses": [described]})
    write_tensors(folder / "gradients.safetensors", {f"paper/{name}": value for name, value in gradients.items()})


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    warnings.filterwarnings("ignore", module="peft")
    torch.set_num_threads(1)
    for one in VARIANTS:
        write(one)

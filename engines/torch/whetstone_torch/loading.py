"""A model from its folder: whole where there is one rank, else each rank its own slices of the safetensors files."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import torch
from safetensors import safe_open

from .sharding import Ranks, shard, shard_range


class Refused(Exception):
    """Cannot be done as asked; every rank finds the same, and all can go on with something else."""

    def __init__(self, code: str, message: str, hint: str | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.code, self.hint, self.field = code, hint, field


def dtype_option(dtype: torch.dtype) -> dict[str, torch.dtype]:
    """transformers renamed the option in 4.56."""
    import transformers

    major, minor = (int(part) for part in transformers.__version__.split(".")[:2])
    return {"dtype" if (major, minor) >= (4, 56) else "torch_dtype": dtype}


def attention_of(config) -> str:
    """Scores that are capped need the attention that is written out."""
    return "eager" if getattr(config, "attn_logit_softcapping", None) else "sdpa"


def load(folder: str, dtype: torch.dtype, device: torch.device, ranks: Ranks, bits: int | None, compute_dtype: torch.dtype):
    """
    An `AutoModelForCausalLM` on `device`, its parameters in `dtype`; `bits` 4 or 8 quantizes them by bitsandbytes. With several
    ranks every parameter is spread over them.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        attention = attention_of(config)
        if bits is not None:
            return load_bits(folder, bits, compute_dtype, device, attention)
        if ranks.count == 1:
            model = AutoModelForCausalLM.from_pretrained(
                folder, **dtype_option(dtype), attn_implementation=attention, use_safetensors=True, trust_remote_code=False
            )
            return model.to(device)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise Refused("MODEL_CONFIG", f"transformers does not open the model: {error}") from error
    return load_shards(folder, config, attention, dtype, compute_dtype, device, ranks)


def load_bits(folder: str, bits: int, compute_dtype: torch.dtype, device: torch.device, attention: str):
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    how = (
        BitsAndBytesConfig(load_in_8bit=True)
        if bits == 8
        else BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=compute_dtype)
    )
    return AutoModelForCausalLM.from_pretrained(
        folder,
        quantization_config=how,
        device_map={"": device},
        attn_implementation=attention,
        trust_remote_code=False,
        **dtype_option(compute_dtype),
    )


def load_shards(folder: str, config, attention: str, dtype: torch.dtype, compute_dtype: torch.dtype, device: torch.device, ranks: Ranks):
    """Never holds more of the model than this rank's share and one tensor's slice."""
    from accelerate import init_empty_weights
    from transformers import AutoModelForCausalLM

    with init_empty_weights(include_buffers=False):
        model = AutoModelForCausalLM.from_config(config, attn_implementation=attention)
    model.tie_weights()
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype)
    shard(model, compute_dtype, device, ranks)
    model._apply(lambda t: torch.empty_like(t, device=device) if t.is_meta else t.to(device))
    model.tie_weights()
    fill(model, Path(folder), ranks)
    return model


def files_by_tensor(folder: Path) -> dict[str, Path]:
    index = folder / "model.safetensors.index.json"
    if index.exists():
        named = json.loads(index.read_text())["weight_map"]
        return {name: folder / file for name, file in named.items()}
    file = folder / "model.safetensors"
    if not file.exists():
        raise Refused("MODEL_WEIGHTS", f"there is no {file.name} in {folder}", "Several ranks read their shares from safetensors.")
    with safe_open(file, framework="pt") as opened:
        return {name: file for name in opened.keys()}


def fill(model: torch.nn.Module, folder: Path, ranks: Ranks, only: set[str] | None = None) -> None:
    """Copies this rank's rows of each tensor into its parameters."""
    files = files_by_tensor(folder)
    prefix = getattr(model, "base_model_prefix", "")
    with ExitStack() as stack, torch.no_grad():
        opened: dict[Path, object] = {}
        for name, parameter in model.named_parameters():
            if only is not None and name not in only:
                continue
            key = next((k for k in (name, name.removeprefix(f"{prefix}.")) if k in files), None)
            if key is None:
                raise Refused(
                    "MODEL_WEIGHTS",
                    f'tensor "{name}" is in none of the checkpoint\'s files',
                    "This family is stored under other names than transformers uses; run it with one rank, or save it anew.",
                )
            if files[key] not in opened:
                opened[files[key]] = stack.enter_context(safe_open(files[key], framework="pt"))
            piece = opened[files[key]].get_slice(key)
            if list(piece.get_shape()) != list(parameter.shape):
                raise Refused("MODEL_WEIGHTS", f'tensor "{name}" is {piece.get_shape()}; config.json asks for {list(parameter.shape)}')
            local_part(parameter).copy_(rows_of(piece, parameter, ranks))


def is_spread(parameter: torch.Tensor) -> bool:
    return hasattr(parameter, "to_local")


def local_part(parameter: torch.Tensor) -> torch.Tensor:
    """What this rank holds of a parameter; without its gradient's history."""
    own = parameter.to_local() if is_spread(parameter) else parameter
    return own.detach()


def rows_of(piece, parameter: torch.Tensor, ranks: Ranks) -> torch.Tensor:
    if not is_spread(parameter):
        return piece[:]
    start, end = shard_range(parameter.shape[0], ranks)
    return piece[start:end]

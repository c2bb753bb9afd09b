"""A model from its folder: whole where there is one rank, else each rank its own slices of the safetensors files."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import torch

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
    An `AutoModelForCausalLM` on `device`, its parameters in `dtype`, and where each is stored; `bits` 4 or 8 quantizes them by
    bitsandbytes. With several ranks every parameter is spread over them.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        attention = attention_of(config)
        if bits is not None:
            return load_bits(folder, bits, compute_dtype, device, attention), {}
        if ranks.count == 1:
            model = AutoModelForCausalLM.from_pretrained(
                folder, **dtype_option(dtype), attn_implementation=attention, use_safetensors=True, trust_remote_code=False
            )
            return model.to(device), stored_names(model, Path(folder))
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
        use_safetensors=True,
        trust_remote_code=False,
        **dtype_option(compute_dtype),
    )


def load_shards(folder: str, config, attention: str, dtype: torch.dtype, compute_dtype: torch.dtype, device: torch.device, ranks: Ranks):
    """Never holds more of the model than this rank's share and one tensor's slice."""
    from accelerate import init_empty_weights
    from transformers import AutoModelForCausalLM

    with init_empty_weights(include_buffers=False):
        # Buffers are made in this dtype, as one rank makes them, not in that of config.json.
        model = AutoModelForCausalLM.from_config(config, attn_implementation=attention, **dtype_option(dtype))
    model.tie_weights()
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype)
    stored = stored_names(model, Path(folder))
    shard(model, compute_dtype, device, ranks)
    model._apply(lambda t: torch.empty_like(t, device=device) if t.is_meta else t.to(device))
    model.tie_weights()
    fill(model, stored, ranks)
    return model, stored


@dataclass(frozen=True)
class Stored:
    """A tensor in a safetensors file: its bytes are [start, end) of the file."""

    file: Path
    dtype: torch.dtype
    shape: list[int]
    start: int
    end: int


DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64}
MOST_HEADER_BYTES = 100_000_000


def files_of(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if index.exists():
        return [folder / name for name in sorted(set(json.loads(index.read_text())["weight_map"].values()))]
    file = folder / "model.safetensors"
    if not file.exists():
        raise Refused("MODEL_WEIGHTS", f"there is no {file.name} in {folder}", "Several ranks read their shares from safetensors.")
    return [file]


def tensors_in(file: Path) -> dict[str, Stored]:
    """Raises Refused for a file that is damaged, naming it."""
    bad = lambda what: Refused("MODEL_WEIGHTS", f"{file}: {what}", "Copy or download the file again.")  # noqa: E731
    size = file.stat().st_size
    with open(file, "rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if length > min(MOST_HEADER_BYTES, size - 8):
            raise bad("this is no safetensors file, or it is cut short")
        try:
            listed = json.loads(opened.read(length))
            found = {
                name: Stored(file, DTYPES[each["dtype"]], list(each["shape"]), *(8 + length + at for at in each["data_offsets"]))
                for name, each in listed.items()
                if name != "__metadata__" and each["dtype"] in DTYPES
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise bad("its header describes no tensors") from error
    for name, each in found.items():
        whole = math.prod(each.shape) * each.dtype.itemsize
        if each.end - each.start != whole or not 0 <= each.start <= each.end <= size:
            raise bad(f'the bytes of tensor "{name}" are not all there')
    return found


# What is read at once: a share goes into its parameter block by block, and nothing is mapped, so that a rank's memory is that
# of its parameters.
BLOCK_BYTES = 8 << 20


def read_rows(stored: Stored, first: int, last: int, into: torch.Tensor) -> None:
    """Copies rows [first, last) into `into`, of that shape and any dtype and device."""
    row_bytes = (stored.end - stored.start) // max(1, stored.shape[0] if stored.shape else 1)
    left = (last - first) * row_bytes
    flat, at = into.view(-1), 0
    block = bytearray(min(BLOCK_BYTES, left))
    with open(stored.file, "rb", buffering=0) as opened:
        opened.seek(stored.start + first * row_bytes)
        while left > 0:
            part = memoryview(block)[: min(len(block), left)]
            filled = 0
            while filled < len(part):
                got = opened.readinto(part[filled:])
                if not got:
                    raise Refused("MODEL_WEIGHTS", f"{stored.file}: the file is cut short", "Copy or download the file again.")
                filled += got
            values = torch.frombuffer(part, dtype=stored.dtype)
            flat[at : at + len(values)] = values.to(flat.device)
            at, left = at + len(values), left - len(part)


def stored_names(model: torch.nn.Module, folder: Path) -> dict[str, Stored]:
    """
    The stored tensor of each of the model's parameters, by the parameter's name: transformers loads some families from other
    names than it uses, and any with or without the prefix of its base model. Tensors that it would merge, split or turn are not
    among them. For a model that is not spread yet: FSDP2 changes its class, by which transformers finds the names.
    """
    own = {name for name, _ in model.named_parameters()}
    prefix, renamed = getattr(model, "base_model_prefix", ""), renaming_of(model)
    found: dict[str, Stored] = {}
    for file in files_of(folder):
        for key, stored in tensors_in(file).items():
            names = [n for k in (key, renamed(key)) for n in (k, k.removeprefix(f"{prefix}."), f"{prefix}.{k}")]
            name = next((n for n in names if n in own), None)
            if name is not None:
                found[name] = stored
    return found


def renaming_of(model: torch.nn.Module) -> Callable[[str], str]:
    """What transformers calls a stored tensor: by its tables of version 5, or of version 4."""
    try:
        from transformers.conversion_mapping import get_model_conversion_mapping
        from transformers.core_model_loading import WeightRenaming, rename_source_key
    except ImportError:
        patterns = getattr(model, "_checkpoint_conversion_mapping", None) or {}
        return lambda key: next((re.sub(pattern, to, key) for pattern, to in patterns.items() if re.search(pattern, key)), key)
    mapping = get_model_conversion_mapping(model)
    kept = [each for each in mapping if isinstance(each, WeightRenaming)]
    changed = [each for each in mapping if not isinstance(each, WeightRenaming)]

    def renamed(key: str) -> str:
        name, converter = rename_source_key(key, kept, changed)
        return name if converter is None else key

    return renamed


def fill(model: torch.nn.Module, stored: dict[str, Stored], ranks: Ranks) -> None:
    """Copies this rank's rows of each tensor into its parameters."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name not in stored:
                raise Refused(
                    "MODEL_WEIGHTS",
                    f'tensor "{name}" is in none of the checkpoint\'s files',
                    "Ranks read tensors that are stored whole, under a name that transformers knows; run it with one rank, or save "
                    "it anew.",
                )
            if stored[name].shape != list(parameter.shape):
                raise Refused("MODEL_WEIGHTS", f'tensor "{name}" is {stored[name].shape}; config.json asks for {list(parameter.shape)}')
            rows = parameter.shape[0] if parameter.dim() > 0 else 1
            first, last = shard_range(rows, ranks) if is_spread(parameter) else (0, rows)
            read_rows(stored[name], first, last, local_part(parameter))


def is_spread(parameter: torch.Tensor) -> bool:
    return hasattr(parameter, "to_local")


def local_part(parameter: torch.Tensor) -> torch.Tensor:
    """What this rank holds of a parameter; without its gradient's history."""
    own = parameter.to_local() if is_spread(parameter) else parameter
    return own.detach()


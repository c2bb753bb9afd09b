"""The model that is trained: its adapter, its trainable values as one flat vector, and the values that it began with."""

from __future__ import annotations

import os
import resource
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

import torch

from .dropout import Drops, KeepMask
from .loading import Refused, Stored, fill, is_spread, load, local_part
from .sharding import Ranks, decoder_layers, reshard, shard_range

ADAPTER = "default"

COMPUTE = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
BITS = {"float32": None, "int8": 8, "int4": 4}


@dataclass
class Piece:
    """Values of one trainable tensor that this rank holds: [start, end) of the flat vector."""

    name: str
    parameter: torch.nn.Parameter
    start: int
    end: int
    # Whether other ranks hold other parts of it, or the same.
    spread: bool


@dataclass
class Model:
    module: Any
    stored: dict[str, Stored]
    device: torch.device
    ranks: Ranks
    compute_dtype: torch.dtype
    kind: str = "none"
    pieces: list[Piece] = field(default_factory=list)
    total: int = 0
    drops: list[Drops] = field(default_factory=list)
    # What training began from where that is not simply the model without its adapter; this rank's parts, on the host.
    initial: list[torch.Tensor] | None = None

    def trainable(self) -> list[torch.nn.Parameter]:
        return [piece.parameter for piece in self.pieces]


def find_device(name: str) -> torch.device:
    there = torch.cuda.is_available()
    if name == "auto":
        name = "cuda" if there else "cpu"
    if name == "cuda" and not there:
        raise Refused(
            "ENGINE_DEVICE", "PyTorch finds no CUDA device here", "Install a torch with CUDA, or leave --device out.", "device"
        )
    if name not in ("cpu", "cuda"):
        raise Refused("ENGINE_DEVICE", f'the engine torch computes on cpu or cuda, not on "{name}"', None, "device")
    if name == "cuda":
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if local >= torch.cuda.device_count():
            raise Refused(
                "ENGINE_DEVICE",
                f"{torch.cuda.device_count()} CUDA devices for more ranks than that",
                "Lower --nproc to the number of devices.",
                "nproc",
            )
        torch.cuda.set_device(local)
        return torch.device("cuda", local)
    return torch.device("cpu")


def open_model(wanted: dict[str, Any], ranks: Ranks) -> Model:
    """Reads the model of `wanted["model"]`. Raises Refused for what this machine cannot do."""
    device = find_device(wanted["device"])
    compute_dtype, bits = COMPUTE[wanted["compute_dtype"]], BITS[wanted["base_dtype"]]
    if bits is not None:
        require_bits(device, ranks)
    if wanted.get("threads"):
        torch.set_num_threads(wanted["threads"])
    dtype = torch.float32 if wanted["full"] else compute_dtype
    module, stored = load(wanted["model"], dtype, device, ranks, bits, compute_dtype)
    module.eval()
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    if wanted["gradient_checkpointing"]:
        for layer in decoder_layers(module):
            recompute(layer)
    return Model(module, stored, device, ranks, compute_dtype)


def require_bits(device: torch.device, ranks: Ranks) -> None:
    what = "weights in 4 and 8 bits need bitsandbytes and a CUDA device in the engine torch"
    if device.type != "cuda":
        raise Refused("ENGINE_DEVICE", what, "Without one take the engine onnx, which has them on every device.", "base_dtype")
    if ranks.count > 1:
        raise Refused("ENGINE_OPTIONS", "weights in few bits are not spread over ranks", "Use --nproc 1.", "base_dtype")
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise Refused("ENGINE_DEVICE", what, "pip install bitsandbytes", "base_dtype") from error


def recompute(layer: torch.nn.Module) -> None:
    """Activation checkpointing: keeps a layer's input, and computes the rest again on the way back."""
    from torch.utils.checkpoint import checkpoint

    forward = layer.forward

    def checkpointed(*args, **kwargs):
        if not torch.is_grad_enabled():
            return forward(*args, **kwargs)
        return checkpoint(forward, *args, use_reentrant=False, **kwargs)

    layer.forward = checkpointed


def text_config(config):
    return config.get_text_config() if hasattr(config, "get_text_config") else config


def describe(model: Model) -> dict[str, Any]:
    module = model.module
    config = text_config(module.config)
    embeddings = module.get_input_embeddings().weight
    # transformers' names for it; without one the model has no limit of its own.
    positions = next((p for p in (getattr(config, n, None) for n in ("max_position_embeddings", "n_positions")) if p), None)
    linear = {n: m for n, m in module.named_modules() if isinstance(m, torch.nn.Linear) and m is not module.get_output_embeddings()}
    return {
        "model_type": module.config.model_type,
        # Weights in four bits are two to an element; transformers knows which.
        "parameters": module.num_parameters(),
        "vocab_size": embeddings.shape[0],
        "max_positions": positions or 1 << 30,
        "hidden_size": embeddings.shape[1],
        "layers": len(decoder_layers(module)),
        "linear": [{"name": n, "in": m.in_features, "out": m.out_features} for n, m in linear.items()],
        "ranks": model.ranks.count,
        "device": model.device.type,
        "device_name": torch.cuda.get_device_name(model.device) if model.device.type == "cuda" else None,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "weight_bytes": sum(local_part(p).numel() * p.element_size() for p in module.parameters()),
    }


def train_adapter(model: Model, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Puts LoRA matrices (PEFT's) on the named projections; returns their names and shapes."""
    from peft import LoraConfig, inject_adapter_in_model
    from peft.tuners.lora import LoraLayer

    config = LoraConfig(
        r=wanted["rank"],
        lora_alpha=wanted["alpha"],
        use_rslora=wanted["rank_stabilized"],
        lora_dropout=0.0,
        target_modules=wanted["targets"],
        bias="none",
    )
    inject_adapter_in_model(config, model.module, adapter_name=ADAPTER)
    model.kind = "lora"
    layers = {n: m for n, m in model.module.named_modules() if isinstance(m, LoraLayer)}
    for layer in layers.values():
        if wanted["dropout"] > 0:
            layer.lora_dropout[ADAPTER] = KeepMask(wanted["dropout"])
        for matrix in (layer.lora_A[ADAPTER], layer.lora_B[ADAPTER]):
            matrix.to_empty(device=model.device)
            matrix.to(torch.float32)
    named = {
        f"{name}.lora_{part}.weight": getattr(layer, f"lora_{part}")[ADAPTER].weight
        for name, layer in layers.items()
        for part in ("A", "B")
    }
    return hold(model, named)


def train_everything(model: Model) -> list[dict[str, Any]]:
    model.kind = "full"
    return hold(model, dict(model.module.named_parameters()))


def hold(model: Model, named: dict[str, torch.nn.Parameter]) -> list[dict[str, Any]]:
    for parameter in named.values():
        parameter.requires_grad_(True)
    model.pieces = [Piece(name, p, 0, 0, is_spread(p)) for name, p in named.items()]
    return [{"name": name, "shape": list(p.shape)} for name, p in named.items()]


def lay_out(model: Model, names: list[str], masks: list[dict[str, Any]] | None) -> None:
    """Sets the order of the flat vector, and of the masks that a sequence draws; null is the order of the modules."""
    by_name = {piece.name: piece for piece in model.pieces}
    if set(names) != set(by_name):
        raise Refused("ENGINE_LAYOUT", "the layout names other tensors than the model trains")
    model.pieces = [by_name[name] for name in names]
    total = 0
    for piece in model.pieces:
        rows, count = piece.parameter.shape[0], piece.parameter.numel()
        first, last = shard_range(rows, model.ranks) if piece.spread else (0, rows)
        piece.start, piece.end = total + first * (count // rows), total + last * (count // rows)
        total += count
    model.total = total
    if model.kind == "lora":
        set_drops(model, masks)


def set_drops(model: Model, masks: list[dict[str, Any]] | None) -> None:
    from peft.tuners.lora import LoraLayer

    layers = {n: m for n, m in model.module.named_modules() if isinstance(m, LoraLayer)}
    order = masks if masks is not None else [{"name": name, "outputs": False} for name in layers]
    drops = [(layers[each["name"]], each["outputs"]) for each in order]
    model.drops = [
        Drops(layer.lora_dropout[ADAPTER], layer.in_features, outputs)
        for layer, outputs in drops
        if isinstance(layer.lora_dropout[ADAPTER], KeepMask)
    ]


def read_flat(model: Model, parts: list[torch.Tensor], start: int, end: int) -> torch.Tensor:
    """[start, end) of the flat vector whose local parts are `parts`; on rank 0 complete, float32 on the host."""
    values = torch.zeros(end - start)
    for piece, part in zip(model.pieces, parts):
        lo, hi = max(start, piece.start), min(end, piece.end)
        if lo < hi and (piece.spread or model.ranks.rank == 0):
            values[lo - start : hi - start] = part.reshape(-1)[lo - piece.start : hi - piece.start].float().cpu()
    return model.ranks.sum(values)


def write_flat(model: Model, parts: list[torch.Tensor], start: int, values: torch.Tensor) -> None:
    with torch.no_grad():
        for piece, part in zip(model.pieces, parts):
            lo, hi = max(start, piece.start), min(start + len(values), piece.end)
            if lo < hi:
                part.view(-1)[lo - piece.start : hi - piece.start] = values[lo - start : hi - start].to(part.device)


def own_parts(model: Model) -> list[torch.Tensor]:
    """This rank's values of the trainable tensors, in the order of the layout; changing them changes the model."""
    return [local_part(parameter) for parameter in model.trainable()]


def remember_initial(model: Model) -> None:
    """Keeps an adapter that training goes on from. A fresh one changes nothing yet, and weights are in their files."""
    model.initial = [part.cpu().clone() for part in own_parts(model)]


@contextmanager
def as_it_was(model: Model) -> Iterator[None]:
    """
    The model that training began from, for as long as the context lasts. What a pass has gathered is given back before values
    change: some versions of FSDP2 keep the outermost group, and would go on with the old ones.
    """
    if model.kind == "none":
        yield
    elif model.kind == "lora" and model.initial is None:
        with without_adapter(model):
            yield
    else:
        reshard(model.module)
        parts = own_parts(model)
        present = [part.cpu().clone() for part in parts]
        with torch.no_grad():
            if model.initial is None:
                fill(model.module, model.stored, model.ranks)
                remember_initial(model)
            else:
                for part, value in zip(parts, model.initial):
                    part.copy_(value)
            try:
                yield
            finally:
                reshard(model.module)
                for part, value in zip(parts, present):
                    part.copy_(value)


@contextmanager
def without_adapter(model: Model) -> Iterator[None]:
    from peft.tuners.lora import LoraLayer

    layers = [m for m in model.module.modules() if isinstance(m, LoraLayer)]
    for layer in layers:
        layer._disable_adapters = True
    try:
        yield
    finally:
        for layer in layers:
            layer._disable_adapters = False


def host_bytes(reset: bool = False) -> tuple[int, int]:
    """Memory of the host that this process has held at most, since the last reset, and holds."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        lines = Path("/proc/self/status").read_text().splitlines()
        held = {name: int(rest.split()[0]) * 1024 for name, rest in (line.split(":") for line in lines if line.startswith("Vm"))}
        return held["VmHWM"], held["VmRSS"]
    except OSError:
        # Not on Linux; kilobytes elsewhere, bytes on macOS.
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return most, most

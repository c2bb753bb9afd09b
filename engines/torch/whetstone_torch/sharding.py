"""Ranks: how they are joined, which rows each takes, and how a model is spread over them. Knows no losses."""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from typing import Sequence

import torch
import torch.distributed as dist


@dataclass(frozen=True)
class Ranks:
    """This process among those of the engine. Values that the host knows travel over gloo."""

    rank: int
    count: int

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """The sum over ranks, in place, of a tensor on any device."""
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def share(self, values: torch.Tensor) -> torch.Tensor:
        """Rank 0's values, in place, of a tensor on the CPU."""
        if self.count > 1:
            dist.broadcast(values, 0)
        return values

    def share_bytes(self, parts: Sequence[bytes | bytearray | memoryview] | None, count: int) -> list[bytearray]:
        """Rank 0's `count` parts. Nothing is pickled."""
        if self.count == 1:
            assert parts is not None
            return [bytearray(part) for part in parts]
        lengths = torch.tensor([len(part) for part in parts] if parts is not None else [0] * count, dtype=torch.int64)
        self.share(lengths)
        whole = bytearray(b"".join(parts)) if parts is not None else bytearray(int(lengths.sum()))
        if whole:
            self.share(torch.frombuffer(whole, dtype=torch.uint8))
        ends = lengths.cumsum(0).tolist()
        return [whole[start:end] for start, end in zip([0, *ends], ends)]


def join_ranks(device_type: str) -> Ranks:
    """Joins the process group that torchrun's environment describes; a process alone joins none."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return Ranks(0, 1)
    backend = "cpu:gloo,cuda:nccl" if device_type == "cuda" else "gloo"
    # Ranks wait here while nothing is asked of them, for as long as a person or a judge takes.
    dist.init_process_group(backend, timeout=datetime.timedelta(days=365))
    return Ranks(dist.get_rank(), count)


def shard_range(rows: int, ranks: Ranks) -> tuple[int, int]:
    """Which rows of a tensor's first dimension are this rank's: FSDP2 cuts as torch.chunk does."""
    size = -(-rows // ranks.count)
    start = min(ranks.rank * size, rows)
    return start, min(start + size, rows)


@dataclass(frozen=True)
class Unit:
    """Rows of a batch that must be in one micro-batch of one rank."""

    rows: tuple[int, ...]
    lengths: tuple[int, ...]


def round_budget(device_type: str, hidden_size: int) -> int:
    """
    Cells of a micro-batch where nothing else is wanted. On a CPU padding costs more than a call, so that sequences go one by
    one, but in narrow models, where a call costs more (src/engine/arrangement.ts has the same bound).
    """
    if device_type == "cuda":
        return 16384
    return 2048 if hidden_size < 256 else 1


def plan_rounds(units: Sequence[Unit], ranks: int, budget: int) -> list[list[list[int]]]:
    """
    The rows of each rank in each round. Units go to the rank that has the fewest tokens so far, longest first; a rank's own
    are cut into micro-batches of at most `budget` cells, padding counted, unless one unit alone has more. Every rank
    has as many rounds as the one with most: the others' are empty.
    """
    order = sorted(range(len(units)), key=lambda i: (-sum(units[i].lengths), i))
    loads = [0] * ranks
    own: list[list[Unit]] = [[] for _ in range(ranks)]
    for i in order:
        rank = loads.index(min(loads))
        loads[rank] += sum(units[i].lengths)
        own[rank].append(units[i])
    cut = [cut_into_rounds(each, budget) for each in own]
    most = max((len(each) for each in cut), default=0)
    return [[rounds[i] if i < len(rounds) else [] for rounds in cut] for i in range(most)]


def cut_into_rounds(units: list[Unit], budget: int) -> list[list[int]]:
    rounds: list[list[int]] = []
    count, longest = 0, 0
    for unit in units:
        count, longest = count + len(unit.rows), max(longest, *unit.lengths)
        if not rounds or count * longest > budget:
            rounds.append([])
            count, longest = len(unit.rows), max(unit.lengths)
        rounds[-1].extend(unit.rows)
    return rounds


def decoder_layers(model: torch.nn.Module) -> list[torch.nn.Module]:
    """The modules that repeat: those that the model's class says must not be split, else its longest list."""
    names = set(getattr(model, "_no_split_modules", None) or [])
    layers = [module for module in model.modules() if type(module).__name__ in names]
    if layers:
        return layers
    lists = [module for module in model.modules() if isinstance(module, torch.nn.ModuleList)]
    return list(max(lists, key=len)) if lists else []


def shard(model: torch.nn.Module, compute_dtype: torch.dtype, device: torch.device, ranks: Ranks) -> None:
    """Spreads every parameter over the ranks with FSDP2, a group for each layer, embedding and head; in place."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    mesh = init_device_mesh(device.type, (ranks.count,))
    narrow = compute_dtype != torch.float32
    policy = MixedPrecisionPolicy(param_dtype=compute_dtype, reduce_dtype=torch.float32) if narrow else MixedPrecisionPolicy()
    for layer in decoder_layers(model):
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    embeddings, head = model.get_input_embeddings(), model.get_output_embeddings()
    if head is not None and head.weight is not embeddings.weight:
        for module in (embeddings, head):
            fully_shard(module, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy, reshard_after_forward=True)


def reshard(model: torch.nn.Module) -> None:
    """Gives back what the last forward pass gathered: some versions of FSDP2 keep the outermost group."""
    for module in model.modules():
        if hasattr(module, "set_requires_gradient_sync"):
            module.reshard()

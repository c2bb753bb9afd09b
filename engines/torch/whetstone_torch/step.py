"""Log-probs of sequences, and gradients of sums of them with coefficients that the client names. Knows no objective."""

from __future__ import annotations

import inspect
import math
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Callable, Iterator

import torch

from . import dropout
from .distillation import DIVERGENCES
from .model import Model, as_it_was, own_parts
from .sharding import Unit, plan_rounds, reshard


@dataclass(frozen=True)
class Item:
    """A sequence without its last token, which is only predicted, and what is predicted of it."""

    ids: torch.Tensor
    targets: torch.Tensor
    # Key of the random stream of its dropout masks, and how many rows those of the client's engine have.
    stream: list[int]
    mask_rows: int

    @property
    def length(self) -> int:
        return len(self.ids)

    @property
    def outputs(self) -> int:
        return len(self.targets)


def items_of(fields: dict[str, Any], tensors: dict[str, torch.Tensor]) -> list[Item]:
    """Sequences as a frame has them: `ids` int32 [tokens], and in `sequences` [length, response start, mask rows, key...] each."""
    items, at = [], 0
    for length, start, mask_rows, *stream in fields["sequences"]:
        ids = tensors["ids"][at : at + length].to(torch.int64)
        at += length
        items.append(Item(ids[:-1], ids[start:], stream, mask_rows))
    return items


@dataclass(frozen=True)
class Batch:
    """Items side by side, ending in the same column: ids [rows, columns]."""

    items: list[Item]
    ids: torch.Tensor
    mask: torch.Tensor | None

    @property
    def outputs(self) -> int:
        return sum(item.outputs for item in self.items)


def batch_of(items: list[Item]) -> Batch:
    columns = max(item.length for item in items)
    ids = torch.zeros(len(items), columns, dtype=torch.int64)
    mask = torch.zeros(len(items), columns, dtype=torch.int64)
    for row, item in enumerate(items):
        ids[row, columns - item.length :] = item.ids
        mask[row, columns - item.length :] = 1
    return Batch(items, ids, None if bool(mask.all()) else mask)


def positions_of(mask: torch.Tensor) -> torch.Tensor:
    return (mask.cumsum(-1) - 1).clamp(min=0)


def takes(module: Any, name: str) -> bool:
    return name in inspect.signature(type(module).forward).parameters


def logits_of(model: Model, batch: Batch) -> torch.Tensor:
    """float32 [predicted tokens, vocab], item after item."""
    module, device = model.module, model.device
    keep = max(item.outputs for item in batch.items)
    options: dict[str, Any] = {"use_cache": False}
    if batch.mask is not None:
        options["attention_mask"] = batch.mask.to(device)
        if takes(module, "position_ids"):
            options["position_ids"] = positions_of(batch.mask).to(device)
    if takes(module, "logits_to_keep"):
        options["logits_to_keep"] = keep
    logits = module(input_ids=batch.ids.to(device), **options).logits[:, -keep:]
    rows = [logits[row, keep - item.outputs :] for row, item in enumerate(batch.items)]
    return (rows[0] if len(rows) == 1 else torch.cat(rows)).float()


def log_probs_of(model: Model, batch: Batch) -> torch.Tensor:
    """Log-probs (nats) of the predicted tokens: float32 [predicted tokens]."""
    targets = torch.cat([item.targets for item in batch.items]).to(model.device)
    return -torch.nn.functional.cross_entropy(logits_of(model, batch), targets, reduction="none")


class Offsets:
    """Where each sequence's predicted tokens lie among those of all."""

    def __init__(self, items: list[Item]) -> None:
        self.starts = [0]
        for item in items:
            self.starts.append(self.starts[-1] + item.outputs)
        self.total = self.starts[-1]

    def put(self, into: torch.Tensor, rows: list[int], values: torch.Tensor) -> None:
        at = 0
        for row in rows:
            start, end = self.starts[row], self.starts[row + 1]
            into[start:end] = values[at : at + end - start]
            at += end - start

    def take(self, values: torch.Tensor, rows: list[int]) -> torch.Tensor:
        return torch.cat([values[self.starts[row] : self.starts[row + 1]] for row in rows])


# A rank that has no row in a round runs this, so that it takes part in gathering weights; its coefficient is 0.
NOTHING = Item(torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64), [0], 1)


def score(model: Model, items: list[Item], initial: bool, budget: int) -> torch.Tensor:
    """Log-probs of all predicted tokens, on every rank."""
    offsets = Offsets(items)
    found = torch.zeros(offsets.total)
    units = [Unit((i,), (item.length,)) for i, item in enumerate(items)]
    with torch.no_grad(), as_it_was(model) if initial else nullcontext():
        for own in own_rounds(model, units, budget):
            values = log_probs_of(model, batch_of([items[row] for row in own] or [NOTHING]))
            if own:
                offsets.put(found, own, values.cpu())
    reshard(model.module)
    return model.ranks.sum(found)


def own_rounds(model: Model, units: list[Unit], budget: int) -> Iterator[list[int]]:
    for shares in plan_rounds(units, model.ranks.count, budget):
        yield shares[model.ranks.rank]


def accumulate(
    model: Model,
    items: list[Item],
    groups: list[list[int]],
    budget: int,
    coefficients_of: Callable[[list[int], torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """
    Adds the gradient of sum(coefficient * log-prob) to that of the step; returns the log-probs, on every rank. Groups of
    sequences stay in one round. `coefficients_of` hears, on every rank alike, the rows of a round and their log-probs one after the
    other, and answers with as many coefficients.
    """
    offsets = Offsets(items)
    everything = torch.zeros(offsets.total)
    units = [Unit(tuple(rows), tuple(items[row].length for row in rows)) for rows in groups]
    for shares in plan_rounds(units, model.ranks.count, budget):
        own = shares[model.ranks.rank]
        batch = batch_of([items[row] for row in own] or [NOTHING])
        dropout.set_masks(model.drops if own else [], batch, model.device)
        values = log_probs_of(model, batch)
        found = torch.zeros(offsets.total)
        if own:
            offsets.put(found, own, values.detach().cpu())
        model.ranks.sum(found)
        rows = sorted(row for share in shares for row in share)
        round_values = offsets.take(found, rows)
        offsets.put(everything, rows, round_values)
        told = torch.zeros(offsets.total)
        offsets.put(told, rows, coefficients_of(rows, round_values))
        weights = offsets.take(told, own).to(values.device) if own else torch.zeros_like(values)
        (weights * values).sum().backward()
        dropout.clear_masks(model.drops)
    return everything


def distill(model: Model, items: list[Item], teachers: list[Item], fields: dict[str, Any], weights: torch.Tensor, budget: int):
    """
    Adds the gradient of a weighted divergence between each sequence's distributions and its teacher's; returns log-probs and
    weighted losses of the predicted tokens, on every rank. `weights` float32 [predicted tokens].
    """
    divergence = DIVERGENCES[fields["divergence"]]
    offsets = Offsets(items)
    log_probs, losses = torch.zeros(offsets.total), torch.zeros(offsets.total)
    units = [Unit((i,), (item.length + teachers[i].length,)) for i, item in enumerate(items)]
    for own in own_rounds(model, units, budget):
        mine = [items[row] for row in own] or [NOTHING]
        with torch.no_grad(), as_it_was(model) if fields["model"] == "initial" else nullcontext():
            taught = logits_of(model, batch_of([teachers[row] for row in own] or [NOTHING])).log_softmax(-1)
        batch = batch_of(mine)
        if fields.get("importance_clip") is not None:
            with torch.no_grad(), as_it_was(model):
                initial = log_probs_of(model, batch)
        dropout.set_masks(model.drops if own else [], batch, model.device)
        plain = logits_of(model, batch).log_softmax(-1)
        weight = offsets.take(weights, own).to(model.device) if own else torch.zeros(1, device=model.device)
        loss = weight * divergence(plain, taught, **fields.get("settings", {}))
        targets = torch.cat([item.targets for item in mine]).to(model.device)
        picked = plain.detach().gather(-1, targets[:, None])[:, 0]
        if fields.get("importance_clip") is not None:
            # The smaller one is taken first, so that nothing overflows.
            loss = loss * (picked - initial).clamp(max=math.log(fields["importance_clip"])).exp()
        loss.sum().backward()
        dropout.clear_masks(model.drops)
        if own:
            offsets.put(log_probs, own, picked.cpu())
            offsets.put(losses, own, loss.detach().cpu())
    return model.ranks.sum(log_probs), model.ranks.sum(losses)


class Optimizer:
    """AdamW (torch's) over the trainable tensors, with the moments as parts of flat vectors."""

    def __init__(self, model: Model) -> None:
        self.model = model
        # As in transformers' Trainer, biases and norm weights, which are vectors, are not decayed.
        matrices = [p for p in model.trainable() if p.dim() > 1]
        vectors = [p for p in model.trainable() if p.dim() <= 1]
        groups = [{"params": each} for each in (matrices, vectors) if each]
        self.adamw = torch.optim.AdamW(groups) if groups else None
        # What clipping has multiplied the gradients by.
        self.scale = 1.0

    def moments(self, name: str) -> list[torch.Tensor]:
        """This rank's parts of `exp_avg` or `exp_avg_sq`."""
        parts = []
        for parameter in self.model.trainable():
            state = self.adamw.state[parameter]
            if not state:
                state["step"] = torch.tensor(0.0)
                state["exp_avg"] = torch.zeros_like(parameter)
                state["exp_avg_sq"] = torch.zeros_like(parameter)
            value = state[name]
            parts.append(value.to_local() if hasattr(value, "to_local") else value)
        return parts

    def set_step(self, step: int) -> None:
        self.moments("exp_avg")
        for parameter in self.model.trainable():
            self.adamw.state[parameter]["step"] = torch.tensor(float(step))

    def begin(self) -> None:
        self.scale = 1.0
        for parameter in self.model.trainable():
            parameter.grad = None

    def norm(self) -> float:
        """Sums the gradient over ranks, once a step; returns its L2 norm."""
        ranks, squares = self.model.ranks, torch.zeros(1, dtype=torch.float64)
        for piece in self.model.pieces:
            if piece.parameter.grad is None:
                piece.parameter.grad = torch.zeros_like(piece.parameter)
        if ranks.count > 1:
            self._sum_over_ranks()
        for piece, gradient in zip(self.model.pieces, self.gradients()):
            if piece.spread or ranks.rank == 0:
                squares += torch.linalg.vector_norm(gradient, dtype=torch.float64).cpu() ** 2
        return float(ranks.sum(squares).sqrt())

    def _sum_over_ranks(self) -> None:
        """FSDP2 has averaged the gradients of what is spread; the others are each rank's own."""
        with torch.no_grad():
            same = [p.parameter.grad for p in self.model.pieces if not p.spread]
            for piece in self.model.pieces:
                if piece.spread:
                    piece.parameter.grad.mul_(self.model.ranks.count)
            if same:
                flat = self.model.ranks.sum(torch.cat([g.reshape(-1) for g in same]))
                for gradient, part in zip(same, flat.split([g.numel() for g in same])):
                    gradient.copy_(part.view_as(gradient))

    def gradients(self) -> list[torch.Tensor]:
        grads = [p.grad for p in self.model.trainable()]
        return [g.to_local() if hasattr(g, "to_local") else g for g in grads]

    def update(self, settings: dict[str, Any]) -> None:
        self.moments("exp_avg")
        for group in self.adamw.param_groups:
            decays = group["params"][0].dim() > 1
            group.update(
                lr=settings["learning_rate"],
                betas=(settings["beta1"], settings["beta2"]),
                eps=settings["epsilon"],
                weight_decay=settings["weight_decay"] if decays else 0.0,
            )
        self.scale = settings["scale"]
        if self.scale != 1:
            for gradient in self.gradients():
                gradient.mul_(self.scale)
        self.adamw.step()


def part_lists(model: Model, optimizer: Optimizer, which: str) -> list[torch.Tensor]:
    if which == "parameters":
        return own_parts(model)
    if which == "gradient":
        return [gradient / optimizer.scale for gradient in optimizer.gradients()]
    return optimizer.moments({"first_moment": "exp_avg", "second_moment": "exp_avg_sq"}[which])

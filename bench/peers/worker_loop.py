# Peer (d): what the worker of the engine torch does in a step of CUT, in one process: its model, LoRA, dropout masks, micro-batches
# and optimizer (engines/torch), with the loss written out here. Beside the engine it shows what Whetstone's half of a step
# and the socket between cost.
from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "engines/torch"))

from best_torch import ALPHA, GAMMA, LAMBDA  # noqa: E402
from loop import LEARNING_RATE, MAX_GRAD_NORM, serve  # noqa: E402
from whetstone_torch import dropout  # noqa: E402
from whetstone_torch.loading import load  # noqa: E402
from whetstone_torch.model import Model, lay_out, train_adapter  # noqa: E402
from whetstone_torch.sharding import Ranks, Unit, plan_rounds, round_budget  # noqa: E402
from whetstone_torch.step import Item, Optimizer, batch_of, log_probs_of  # noqa: E402

ROLES = {"plain": 0, "judged": 1}


def open_model(folder: Path) -> Model:
    ranks, device = Ranks(0, 1), torch.device("cpu")
    module, stored = load(str(folder), torch.float32, device, ranks, None, torch.float32)
    model = Model(module.eval().requires_grad_(False), stored, device, ranks, torch.float32)
    wanted = {"rank": 16, "alpha": 16, "rank_stabilized": False, "dropout": 0.05}
    wanted["targets"] = [n for n, _ in module.named_modules() if n.rsplit(".", 1)[-1] in ("gate_proj", "up_proj", "down_proj")]
    lay_out(model, [each["name"] for each in train_adapter(model, wanted)], None)
    with torch.no_grad():
        for piece in model.pieces:
            if ".lora_B." in piece.name:
                piece.parameter.zero_()
            else:
                torch.nn.init.kaiming_uniform_(piece.parameter, a=5**0.5)
    return model


class Loop:
    def __init__(self, model: Model) -> None:
        self.model, self.optimizer, self.steps = model, Optimizer(model), 0
        self.budget = round_budget("cpu", model.module.config.hidden_size)

    def item(self, row: dict[str, Any], example: int, role: str) -> Item:
        ids, start = torch.tensor(row[f"{role}_ids"]), row[f"{role}_response_start"]
        return Item(ids[:-1], ids[start:], [0, self.steps, example, ROLES[role]], len(ids) - 1)

    def batches(self, items: list[Item]):
        """Micro-batches as the worker cuts them: their positions among the items, and their log-probs."""
        for (own,) in plan_rounds([Unit((i,), (item.length,)) for i, item in enumerate(items)], 1, self.budget):
            batch = batch_of([items[i] for i in own])
            dropout.set_masks(self.model.drops, batch, self.model.device)
            yield own, log_probs_of(self.model, batch).split([items[i].outputs for i in own])
            dropout.clear_masks(self.model.drops)

    def run_all(self, rows: list[dict[str, Any]]) -> list[tuple[float, float]]:
        began = time.perf_counter()
        self.optimizer.begin()
        losses, judged = [0.0] * len(rows), {}
        rejected = [i for i, row in enumerate(rows) if row["judged_ids"] is not None]
        alone = [(i, "judged" if i in rejected else "plain") for i in range(len(rows))]
        for own, found in self.batches([self.item(rows[i], i, role) for i, role in alone]):
            loss = sum(-values.mean() / len(rows) for values in found)
            loss.backward()
            for at, values in zip(own, found):
                judged[at] = values.detach()
                losses[at] -= float(values.detach().mean())
        for own, found in self.batches([self.item(rows[i], i, "plain") for i in rejected]):
            loss = torch.zeros(())
            for at, plain in zip(own, found):
                q = judged[rejected[at]].exp()
                flagged = q > LAMBDA * plain.detach().exp()
                penalty = ALPHA * q**GAMMA * torch.log(-torch.expm1(torch.where(flagged, plain, -1.0)))
                l1 = -torch.where(flagged, penalty, plain).mean()
                loss = loss + l1 / len(rows)
                losses[rejected[at]] += float(l1.detach())
            loss.backward()
        norm = self.optimizer.norm()
        scale = min(1.0, MAX_GRAD_NORM / (norm + 1e-6))
        adam = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.0}
        self.optimizer.update({"learning_rate": LEARNING_RATE, "scale": scale, **adam})
        self.steps += 1
        seconds = (time.perf_counter() - began) / len(rows)
        return [(loss, seconds) for loss in losses]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="Hugging Face folder")
    parser.add_argument("--rows", type=Path, required=True, help="rows.json, as rows.py writes it")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--serve", action="store_true", help="the only way: row indices from stdin")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    serve(Loop(open_model(arguments.model)), json.loads(arguments.rows.read_text()))


if __name__ == "__main__":
    main()

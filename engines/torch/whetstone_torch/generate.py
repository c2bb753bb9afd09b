"""Prompts continued side by side. The client chooses tokens; here are only their logits, and the likeliest of them."""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache

from .model import Model
from .sharding import reshard
from .step import positions_of, takes


class Continuation:
    """Rows that grow by a token a run, aligned at their ends; a row that has ended is dropped."""

    def __init__(self, model: Model, prompts: list[torch.Tensor]) -> None:
        self.model = model
        columns = max(len(prompt) for prompt in prompts)
        self.ids = torch.zeros(len(prompts), columns, dtype=torch.int64)
        self.mask = torch.zeros(len(prompts), columns, dtype=torch.int64)
        for row, prompt in enumerate(prompts):
            self.ids[row, columns - len(prompt) :] = prompt
            self.mask[row, columns - len(prompt) :] = 1
        self.cache = DynamicCache(config=model.module.config) if takes_config() else DynamicCache()
        self.length = columns

    def logits(self) -> torch.Tensor:
        """Reads what has not been read: float32 [rows, vocab] for the next tokens."""
        module, device = self.model.module, self.model.device
        fresh = self.ids.shape[1]
        options: dict[str, Any] = {"attention_mask": self.mask.to(device), "use_cache": True, "past_key_values": self.cache}
        if takes(module, "position_ids"):
            options["position_ids"] = positions_of(self.mask)[:, -fresh:].to(device)
        if takes(module, "logits_to_keep"):
            options["logits_to_keep"] = 1
        with torch.no_grad():
            out = module(input_ids=self.ids.to(device), **options)
        reshard(module)
        self.cache = out.past_key_values
        return out.logits[:, -1].float()

    def grow(self, rows: list[int], tokens: torch.Tensor) -> None:
        """Keeps `rows`, each with its next token: int [len(rows)]."""
        if len(rows) < self.mask.shape[0]:
            at = torch.tensor(rows)
            self.mask = self.mask[at]
            self.cache.batch_select_indices(at.to(self.model.device))
        self.ids = tokens.to(torch.int64)[:, None]
        self.mask = torch.cat([self.mask, torch.ones(len(rows), 1, dtype=torch.int64)], dim=1)


def takes_config() -> bool:
    import inspect

    return "config" in inspect.signature(DynamicCache.__init__).parameters


def choose(logits: torch.Tensor, wants: list[str]) -> dict[str, torch.Tensor]:
    """
    `best` int32 [rows]: the likeliest token, of equals that with the smallest id. `finite` uint8 [rows]. `logits`
    float32 [n, vocab] of those rows that want them.
    """
    top = logits.max(-1).values
    best = (logits == top[:, None]).to(torch.uint8).argmax(-1)
    full = [row for row, want in enumerate(wants) if want == "logits"]
    return {
        "best": best.to(torch.int32),
        "finite": torch.isfinite(top).to(torch.uint8),
        "logits": logits[full],
    }

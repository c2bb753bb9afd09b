"""Dropout in front of adapters, from streams named by (seed, step, row, role), so that a resumed run draws the same."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .streams import Stream, dropped, expected_draws


class KeepMask(torch.nn.Module):
    """Multiplies by the present micro-batch's mask, and by 1 / (1 - p); without a mask it changes nothing."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.keep: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.keep is None:
            return x
        return x * self.keep.to(x.dtype) * (1 / (1 - self.p))


@dataclass(frozen=True)
class Drops:
    """Whose masks a sequence draws, in order: the module, its width, and whether only predicted tokens are masked."""

    module: KeepMask
    width: int
    outputs: bool


def set_masks(drops: list[Drops], batch, device: torch.device) -> None:
    """Draws the masks of a micro-batch (see step.Batch): uint8 [rows, columns, width] for each module."""
    if not drops or drops[0].module.p == 0:
        return
    rows, columns = batch.ids.shape
    for drop in drops:
        drop.module.keep = torch.ones(rows, columns, drop.width, dtype=torch.uint8, device=device)
    for row, item in enumerate(batch.items):
        heights = [item.outputs if drop.outputs else item.mask_rows for drop in drops]
        elements = sum(height * drop.width for height, drop in zip(heights, drops))
        stream = Stream(item.stream, expected_draws(elements, drops[0].module.p))
        for height, drop in zip(heights, drops):
            at = torch.from_numpy(dropped(stream, height * drop.width, drop.module.p))
            # Rows of the mask that the model reads: not the last token, which is only predicted.
            read = item.outputs if drop.outputs else item.length
            at = at[at < read * drop.width]
            offset = (columns - read) * drop.width
            drop.module.keep[row].view(-1)[(at + offset).to(device)] = 0


def clear_masks(drops: list[Drops]) -> None:
    for drop in drops:
        drop.module.keep = None

# How goldens are written: JSON with number lists on one line, and safetensors with a stable order.
from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor


def floats(values: Tensor) -> list[float]:
    """A tensor's values with nine significant digits, which identify a float32."""
    return [float(f"{value:.9g}") for value in values.detach().flatten().tolist()]


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, indent=1)
    number_lists = re.compile(r"\[[-+.\deEInfNa,\s]*\]")
    path.write_text(
        number_lists.sub(lambda m: re.sub(r"\s+", " ", m[0]).replace("[ ", "[").replace(" ]", "]"), text)
        + "\n"
    )


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: tensors[name].detach().to(torch.float32).contiguous().clone() for name in sorted(tensors)},
        path,
    )

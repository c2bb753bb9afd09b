# Token log-probs of sequences from transformers + peft: shows that an adapter folder means there what it means here.
# Usage: python check_adapter.py MODEL_DIR ADAPTER_DIR|- SEQUENCES.json [--tolerance 2e-4]
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
import transformers
from peft import PeftModel

from families import load_model
from reference import Sequence, logprobs
from storage import floats


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path, help="Hugging Face folder of the base model")
    parser.add_argument("adapter", help="PEFT adapter folder, or - for the model alone")
    parser.add_argument("sequences", type=Path, help="JSON list of { ids, response_start }")
    parser.add_argument("--tolerance", type=float, default=2e-4, help="largest difference allowed, in nats")
    arguments = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()

    model = load_model(arguments.model)
    if arguments.adapter != "-":
        model = PeftModel.from_pretrained(model, arguments.adapter).eval()
    key = "logprobs" if arguments.adapter == "-" else "adapter_logprobs"
    worst = 0.0
    for row in json.loads(arguments.sequences.read_text()):
        with torch.no_grad():
            found = logprobs(model, Sequence(row["ids"], row["response_start"]))
        line = {key: floats(found)}
        if key in row:
            difference = (found - torch.tensor(row[key])).abs().max().item()
            worst = max(worst, difference)
            line["difference"] = difference
        print(json.dumps(line))
    if worst > arguments.tolerance:
        print(f"largest difference {worst:.2e} nats is above {arguments.tolerance:.2e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

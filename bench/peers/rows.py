# Tokenises a file of judged triplets once, so that every peer runs on the same ids.
# Knows the alpaca prompts and the cut-off; knows nothing of models or losses.
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer


def prompts(row: dict[str, Any], template: dict[str, str]) -> tuple[str, str | None]:
    """The plain prompt and, for an unsatisfactory response, the prompt that shows its judgment."""
    instruction = row["instruction"] + (f"\n{row['input']}" if row.get("input") else "")
    plain = template["plain"].replace("{instruction}", instruction)
    judgment = row.get("judgment")
    if judgment is None or (row.get("score") or 0) >= 7 or judgment.lower().startswith("perfect"):
        return plain, None
    # Split before filling, so that an instruction that contains "{judgment}" is left alone.
    head, tail = template["with_judgment"].split("{judgment}")
    return plain, head.replace("{instruction}", instruction) + judgment + tail.replace(
        "{instruction}", instruction
    )


def tokenise(
    tokenizer: Tokenizer, prompt: str, response: str, end: int, cutoff: int
) -> tuple[list[int], int]:
    """Ids of prompt, response and end token, cut off on the left, and where the response starts.

    The response begins at the first token whose characters start at or after the prompt's end.
    """
    encoding = tokenizer.encode(prompt + response)
    start = next(
        (i for i, (first, _) in enumerate(encoding.offsets) if first >= len(prompt)), len(encoding.ids)
    )
    ids = [*encoding.ids, end]
    cut = max(0, len(ids) - cutoff)
    return ids[cut:], start - cut


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--data", type=Path, required=True, help="JSON array of {instruction, input, output, judgment}"
    )
    parser.add_argument("--template", type=Path, required=True, help="JSON with `plain` and `with_judgment`")
    parser.add_argument("--model", type=Path, required=True, help="folder with tokenizer.json")
    parser.add_argument("--cutoff_len", type=int, default=2048)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()

    template = json.loads(arguments.template.read_text())
    tokenizer = Tokenizer.from_file(str(arguments.model / "tokenizer.json"))
    end = tokenizer.token_to_id("</s>")
    rows, skipped = [], []
    for index, row in enumerate(json.loads(arguments.data.read_text(encoding="utf-8"))):
        if not row["output"].strip():
            skipped.append(index)
            continue
        plain, judged = prompts(row, template)
        plain_ids, plain_start = tokenise(tokenizer, plain, row["output"], end, arguments.cutoff_len)
        judged_ids, judged_start = (
            (None, None)
            if judged is None
            else tokenise(tokenizer, judged, row["output"], end, arguments.cutoff_len)
        )
        fits = plain_start >= 1 and (judged_ids is None or judged_start >= 1)
        if not fits or (judged_ids is not None and plain_ids[plain_start:] != judged_ids[judged_start:]):
            skipped.append(index)
            continue
        rows.append(
            {
                "index": index,
                "plain_ids": plain_ids,
                "plain_response_start": plain_start,
                "judged_ids": judged_ids,
                "judged_response_start": judged_start,
            }
        )
    arguments.out.write_text(json.dumps(rows) + "\n")
    lengths = sorted(len(row["plain_ids"]) for row in rows)
    print(
        json.dumps(
            {
                "rows": len(rows),
                "judged": sum(row["judged_ids"] is not None for row in rows),
                "skipped": skipped,
                "plain_tokens_median": lengths[len(lengths) // 2],
                "plain_tokens_max": lengths[-1],
                "plain_tokens_mean": round(sum(lengths) / len(lengths), 1),
                "response_tokens_mean": round(
                    sum(len(r["plain_ids"]) - r["plain_response_start"] for r in rows) / len(rows), 1
                ),
            }
        )
    )


if __name__ == "__main__":
    main()

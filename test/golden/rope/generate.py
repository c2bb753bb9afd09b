# Rope settings in every spelling, as transformers takes them: the goldens' models with the rope fields of their
# config.json replaced, token log-probs of a short and a long sequence, and a greedy continuation for some.
# Where transformers itself refuses a spelling, its error is noted; `refused` names the field that we refuse by.
from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from families import generator, load_model  # noqa: E402
from reference import Sequence, logprobs, next_logprobs, random_ids  # noqa: E402

MODELS = HERE.parent / "models"
ROPE_FIELDS = [
    "rope_parameters",
    "rope_scaling",
    "rope_theta",
    "rope_local_base_freq",
    "partial_rotary_factor",
]

LLAMA3 = {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
SHORT = [1.0, 1.1, 1.3, 1.7, 2.0, 2.6]
LONG = [1.0, 2.0, 4.0, 6.0, 7.0, 8.0]
LONGROPE = {"rope_type": "longrope", "short_factor": SHORT, "long_factor": LONG}


@dataclass(frozen=True)
class Spelling:
    """`fields` replace the rope fields of `model`'s config.json."""

    name: str
    fields: dict[str, Any]
    model: str = "qwen3"
    refused: str | None = None
    generates: bool = False
    # The longest sequence tried, in tokens.
    longest: int = 120


def yarn(**more: Any) -> dict[str, Any]:
    return {"rope_theta": 500.0, "rope_scaling": {**YARN, **more}}


SPELLINGS = [
    # Plain, and where theta stands.
    Spelling("no rope fields at all", {}),
    Spelling("v4: rope_theta, rope_scaling null", {"rope_theta": 500.0, "rope_scaling": None}, generates=True),
    Spelling("v4: rope_theta, rope_scaling empty", {"rope_theta": 500.0, "rope_scaling": {}}),
    Spelling("v5: rope_parameters", {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}),
    Spelling("v5: rope_parameters empty, theta outside", {"rope_parameters": {}, "rope_theta": 500.0}),
    Spelling("v5: rope_parameters null, theta outside", {"rope_parameters": None, "rope_theta": 500.0}),
    Spelling("v5: rope_parameters without theta", {"rope_parameters": {"rope_type": "default"}}),
    Spelling(
        "theta in two places: the inner one holds",
        {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}, "rope_theta": 10000.0},
    ),
    Spelling(
        "theta in three places: that of rope_scaling holds",
        {
            "rope_parameters": {"rope_type": "default", "rope_theta": 20.0},
            "rope_scaling": {"rope_type": "linear", "factor": 2.0, "rope_theta": 500.0},
            "rope_theta": 10000.0,
        },
    ),
    Spelling("theta as an integer", {"rope_theta": 500}, model="llama2"),
    Spelling("theta null", {"rope_theta": None}, refused="rope_theta"),
    Spelling("theta null inside", {"rope_parameters": {"rope_theta": None}}, refused="rope_parameters.rope_theta"),
    Spelling("theta as a string", {"rope_theta": "500"}, refused="rope_theta"),
    Spelling("theta zero", {"rope_theta": 0}, refused="rope_theta"),
    # Linear.
    Spelling("v4: linear by type", {"rope_theta": 500.0, "rope_scaling": {"type": "linear", "factor": 2.5}}),
    Spelling("v5: linear", {"rope_parameters": {"rope_type": "linear", "rope_theta": 500.0, "factor": 2.5}}),
    Spelling(
        "linear: rope_type goes before type",
        {"rope_theta": 500.0, "rope_scaling": {"rope_type": "default", "type": "linear", "factor": 2.5}},
    ),
    Spelling(
        "both: rope_scaling takes the place of rope_parameters",
        {
            "rope_theta": 500.0,
            "rope_parameters": {"rope_type": "default"},
            "rope_scaling": {"type": "linear", "factor": 2.5},
        },
        generates=True,
    ),
    Spelling(
        "both: an empty rope_scaling does not",
        {
            "rope_parameters": {"rope_type": "linear", "factor": 2.5, "rope_theta": 500.0},
            "rope_scaling": {},
        },
    ),
    Spelling(
        "both: the theta of rope_parameters is lost",
        {
            "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
            "rope_scaling": {"type": "linear", "factor": 2.5},
        },
        refused="rope_scaling.rope_theta",
    ),
    Spelling("linear: factor an integer below one", {"rope_scaling": {"type": "linear", "factor": 0.5}}),
    Spelling("linear: factor as a string", {"rope_scaling": {"type": "linear", "factor": "2.5"}}, refused="rope_scaling.factor"),
    Spelling("linear: no factor", {"rope_scaling": {"type": "linear"}}, refused="rope_scaling.factor"),
    Spelling("linear: factor zero", {"rope_scaling": {"type": "linear", "factor": 0}}, refused="rope_scaling.factor"),
    Spelling("rope_scaling a word", {"rope_scaling": "linear"}, refused="rope_scaling"),
    # Llama 3.
    Spelling(
        "v4: llama3 with the original length",
        {"rope_theta": 500.0, "rope_scaling": {**LLAMA3, "original_max_position_embeddings": 32}},
        model="llama2",
    ),
    Spelling("v4: llama3 without it", {"rope_theta": 500.0, "rope_scaling": LLAMA3}, model="llama2"),
    Spelling(
        "llama3: the original length outside holds",
        {
            "rope_theta": 500.0,
            "rope_scaling": {**LLAMA3, "original_max_position_embeddings": 32},
            "original_max_position_embeddings": 16,
        },
        model="llama2",
    ),
    Spelling(
        "v5: llama3",
        {"rope_parameters": {**LLAMA3, "rope_theta": 500.0, "original_max_position_embeddings": 32}},
        model="mistral",
    ),
    Spelling(
        "llama3: the original length null",
        {"rope_scaling": {**LLAMA3, "original_max_position_embeddings": None}},
        refused="rope_scaling.original_max_position_embeddings",
    ),
    Spelling("llama3: low factor zero", {"rope_scaling": {**LLAMA3, "low_freq_factor": 0}}, refused="rope_scaling.low_freq_factor"),
    # YaRN.
    Spelling("v4: yarn", yarn(), generates=True),
    Spelling("v4: yarn by type", {"rope_theta": 500.0, "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}}),
    Spelling("v5: yarn", {"rope_parameters": {**YARN, "rope_theta": 500.0}}, model="qwen2"),
    Spelling(
        "yarn added to a config of transformers 5",
        {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}, "rope_scaling": YARN},
        generates=True,
    ),
    Spelling("yarn without the original length", {"rope_theta": 500.0, "rope_scaling": {"type": "yarn", "factor": 4.0}}),
    Spelling("yarn, the original length outside", {**yarn(), "original_max_position_embeddings": 16}),
    Spelling("yarn, attention_factor", yarn(attention_factor=0.7)),
    Spelling("yarn, mscale and mscale_all_dim", yarn(mscale=1.4, mscale_all_dim=0.6)),
    Spelling("yarn, mscale alone counts for nothing", yarn(mscale=1.4)),
    Spelling("yarn, beta_fast and beta_slow", yarn(beta_fast=4, beta_slow=0.5)),
    Spelling("yarn, betas zero and null", yarn(beta_fast=0, beta_slow=None)),
    Spelling("yarn, not truncated", yarn(truncate=False, beta_fast=3, beta_slow=0.4)),
    Spelling("yarn, factor null", yarn(factor=None)),
    Spelling("yarn, factor below one", yarn(factor=0.8)),
    Spelling("yarn on llama", yarn(), model="llama2"),
    Spelling("yarn on gemma", yarn(), model="gemma"),
    Spelling("yarn on mistral", yarn(), model="mistral"),
    Spelling("yarn, no factor", {"rope_scaling": {"type": "yarn"}}, refused="rope_scaling.factor"),
    Spelling("yarn, factor as a string", yarn(factor="4"), refused="rope_scaling.factor"),
    Spelling("yarn, truncate null: not truncated", yarn(truncate=None, beta_fast=3, beta_slow=0.4)),
    Spelling("yarn, truncate a number", yarn(truncate=1), refused="rope_scaling.truncate"),
    Spelling("yarn, attention_factor zero", yarn(attention_factor=0), refused="rope_scaling.attention_factor"),
    Spelling("yarn, beta_fast negative", yarn(beta_fast=-1), refused="rope_scaling.beta_fast"),
    # Dynamic: nothing is scaled within the model's positions, and nothing beyond them is run.
    Spelling("dynamic", {"rope_theta": 500.0, "rope_scaling": {"type": "dynamic", "factor": 4.0}}),
    Spelling(
        "v5: dynamic",
        {"rope_parameters": {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 500.0}, "max_position_embeddings": 128},
        model="llama2",
    ),
    Spelling("dynamic, no factor", {"rope_scaling": {"type": "dynamic"}}, refused="rope_scaling.factor"),
    # Longrope: up to the original length the short factors hold, and nothing beyond it is run.
    Spelling(
        "longrope",
        {"rope_theta": 500.0, "rope_scaling": {**LONGROPE, "original_max_position_embeddings": 40}},
        generates=True,
        longest=40,
    ),
    Spelling(
        "longrope as Phi-3 has it",
        {"rope_theta": 500.0, "rope_scaling": {"type": "longrope", "short_factor": SHORT, "long_factor": LONG}, "original_max_position_embeddings": 40},
        longest=40,
    ),
    Spelling(
        "longrope, factor and attention_factor",
        {"rope_parameters": {**LONGROPE, "rope_theta": 500.0, "factor": 8.0, "attention_factor": 1.3, "original_max_position_embeddings": 40}},
        longest=40,
    ),
    Spelling("longrope, factor", {"rope_parameters": {**LONGROPE, "factor": 8.0, "original_max_position_embeddings": 40}}, longest=40),
    Spelling("longrope without the original length", {"rope_theta": 500.0, "rope_scaling": LONGROPE}),
    Spelling(
        "longrope, too few factors",
        {"rope_scaling": {**LONGROPE, "short_factor": [1.0, 1.0]}},
        refused="rope_scaling.short_factor",
    ),
    Spelling(
        "longrope, no long factors",
        {"rope_scaling": {"type": "longrope", "short_factor": SHORT}},
        refused="rope_scaling.long_factor",
    ),
    # Partial, and what other families have.
    Spelling("partial_rotary_factor one", {"rope_theta": 500.0, "partial_rotary_factor": 1.0}),
    Spelling("partial_rotary_factor", {"partial_rotary_factor": 0.5}, refused="partial_rotary_factor"),
    Spelling(
        "partial_rotary_factor inside",
        {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 500.0, "partial_rotary_factor": 0.5}},
        refused="rope_parameters.partial_rotary_factor",
    ),
    Spelling("mrope by type", {"rope_scaling": {"type": "mrope", "mrope_section": [2, 2, 2]}}, refused="rope_scaling.type"),
    Spelling("mrope_section on a plain rope", {"rope_theta": 500.0, "rope_scaling": {"rope_type": "default", "mrope_section": [2, 2, 2]}}),
    Spelling("rope_type null", {"rope_scaling": {"rope_type": None, "type": "linear", "factor": 2.0}}, refused="rope_scaling.rope_type"),
    Spelling("unknown rope_type", {"rope_scaling": {"rope_type": "ntk", "factor": 2.0}}, refused="rope_scaling.rope_type"),
    Spelling("proportional", {"rope_parameters": {"rope_type": "proportional", "rope_theta": 500.0}}, refused="rope_parameters.rope_type"),
    Spelling(
        "a rope for each kind of layer",
        {"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 500.0}}},
        refused="rope_parameters.full_attention",
    ),
    Spelling(
        "a rope for each kind of layer, where no kinds are",
        {"rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 500.0}}},
        model="llama2",
        refused="rope_parameters.full_attention",
    ),
    # Phi-3: a part of each head, and longrope by other names.
    Spelling("phi3: no rope fields at all", {}, model="phi3", longest=60),
    Spelling("phi3: partial, nothing scaled", {"rope_theta": 500.0, "partial_rotary_factor": 0.75}, model="phi3", longest=60),
    Spelling(
        "phi3: partial inside goes before outside",
        {"rope_parameters": {"rope_theta": 500.0, "partial_rotary_factor": 0.5}, "partial_rotary_factor": 0.75},
        model="phi3",
        longest=60,
    ),
    *(
        Spelling(
            f"phi3: {kind}",
            {"rope_theta": 500.0, "partial_rotary_factor": 0.75, "rope_scaling": {**LONGROPE, "rope_type": kind, "original_max_position_embeddings": 64}},
            model="phi3",
            longest=60,
            generates=kind == "su",
        )
        for kind in ("su", "yarn", "longrope")
    ),
    Spelling(
        "phi3: the original length inside does not count",
        {"rope_parameters": {**LONGROPE, "rope_theta": 500.0, "partial_rotary_factor": 0.75, "original_max_position_embeddings": 128}},
        model="phi3",
        longest=60,
    ),
    Spelling(
        "phi3: linear",
        {"rope_scaling": {"rope_type": "linear", "factor": 2.0}},
        model="phi3",
        longest=60,
        refused="rope_scaling.rope_type",
    ),
    # SmolLM3: another theta where none is said.
    Spelling("smollm3: no rope fields at all", {}, model="smollm3"),
    Spelling("smollm3: linear", {"rope_theta": 500.0, "rope_scaling": {"type": "linear", "factor": 2.5}}, model="smollm3"),
    # Gemma 3: a rope for layers with a window, and one for those without.
    Spelling("gemma3: no rope fields at all", {}, model="gemma3"),
    Spelling("gemma3: v4", {"rope_theta": 3000.0, "rope_local_base_freq": 100.0}, model="gemma3"),
    Spelling(
        "gemma3: v4, rope_scaling of the layers without a window",
        {"rope_theta": 500.0, "rope_local_base_freq": 100.0, "rope_scaling": {"rope_type": "linear", "factor": 2.5}},
        model="gemma3",
        generates=True,
    ),
    Spelling(
        "gemma3: v5",
        {
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "rope_theta": 500.0, "factor": 2.5},
                "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
            }
        },
        model="gemma3",
    ),
    Spelling(
        "gemma3: v5, both scaled, one without a theta",
        {
            "rope_parameters": {
                "full_attention": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32},
                "sliding_attention": {"rope_type": "linear", "rope_theta": 100.0, "factor": 2.0},
            },
            "rope_theta": 500.0,
        },
        model="gemma3",
    ),
    Spelling(
        "gemma3: v5, one alone",
        {"rope_parameters": {"sliding_attention": {"rope_type": "default", "rope_theta": 100.0}}},
        model="gemma3",
    ),
    Spelling(
        "gemma3: one for all",
        {"rope_parameters": {"rope_type": "linear", "rope_theta": 500.0, "factor": 2.5}},
        model="gemma3",
        refused="rope_parameters.rope_type",
    ),
    Spelling(
        "gemma3: rope_scaling by type",
        {"rope_theta": 500.0, "rope_scaling": {"type": "linear", "factor": 2.5}},
        model="gemma3",
        refused="rope_scaling.type",
    ),
]  # fmt: skip


def write_folder(spelling: Spelling, folder: Path) -> None:
    base = MODELS / spelling.model
    config = json.loads((base / "config.json").read_text())
    config = {key: value for key, value in config.items() if key not in ROPE_FIELDS}
    (folder / "config.json").write_text(json.dumps({**config, **spelling.fields}))
    for name in ("model.safetensors", "generation_config.json"):
        (folder / name).symlink_to(base / name)


@torch.no_grad()
def continuation(model: Any, prompt: list[int], count: int) -> list[int] | None:
    """Greedy tokens by `generate`, or None where one is too close to call or the cache makes a difference."""
    out = model.generate(
        input_ids=torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        do_sample=False,
        max_new_tokens=count,
        eos_token_id=None,
        pad_token_id=0,
    )[0].tolist()
    for end in range(len(prompt), len(out)):
        top = torch.topk(next_logprobs(model, out[:end]), 2)
        if int(top.indices[0]) != out[end] or (top.values[0] - top.values[1]).item() <= 2e-3:
            return None
    return out[len(prompt) :]


def numbers(spelling: Spelling, folder: Path) -> dict[str, Any]:
    model = load_model(folder)
    rng = generator("rope", spelling.model)
    vocab = model.config.vocab_size
    sequences = [
        Sequence([1, *random_ids(size - 1, vocab, rng)], start)
        for size, start in [(14, 5), (spelling.longest, 20)]
    ]
    found: dict[str, Any] = {"sequences": []}
    for sequence in sequences:
        with torch.no_grad():
            values = [round(value, 5) for value in logprobs(model, sequence).tolist()]
        found["sequences"].append({**sequence.as_json(), "logprobs": values})
    if spelling.generates:
        clear = (
            {"prompt": prompt, "ids": ids}
            for prompt in (sequences[1].ids[:length] for length in range(24, 12, -1))
            if (ids := continuation(model, prompt, 16)) is not None
        )
        found["generation"] = next(clear)
    return found


def unscaled(spelling: Spelling, rope: dict[str, Any]) -> Spelling:
    """The same theta and nothing else."""
    kept = {name: rope[name] for name in ("rope_theta", "partial_rotary_factor") if name in rope}
    return Spelling(spelling.name, kept, spelling.model, longest=spelling.longest)


def effect_of(spelling: Spelling, folder: Path, found: dict[str, Any]) -> float | None:
    """Largest difference in nats from the unscaled rope; None for a spelling that scales nothing."""
    rope = load_model(folder).config.rope_parameters
    # One for each kind of layer: what they do shows between the spellings.
    if "full_attention" in rope:
        return None
    if rope["rope_type"] in ("default", "dynamic"):
        return None
    with tempfile.TemporaryDirectory() as other:
        write_folder(unscaled(spelling, rope), Path(other))
        plain = numbers(unscaled(spelling, rope), Path(other))
    return max(
        abs(a - b)
        for one, two in zip(found["sequences"], plain["sequences"])
        for a, b in zip(one["logprobs"], two["logprobs"])
    )


def main() -> None:
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    rows = []
    for spelling in SPELLINGS:
        row: dict[str, Any] = {"name": spelling.name, "model": spelling.model, "fields": spelling.fields}
        with tempfile.TemporaryDirectory() as folder:
            write_folder(spelling, Path(folder))
            try:
                found = numbers(spelling, Path(folder))
            except Exception as error:  # whatever transformers ends with
                if spelling.refused is None:
                    raise
                found = {"error": type(error).__name__}
            if spelling.refused is None:
                effect = effect_of(spelling, Path(folder), found)
                assert effect is None or effect > 0.02, f"{spelling.name}: shows in nothing ({effect})"
                row |= found
                print(f"{spelling.name}: {effect}")
            else:
                row |= {"refused": spelling.refused, "transformers": found.get("error", "runs")}
                print(f"{spelling.name}: {row['transformers']}, refused")
        rows.append(row)
    lines = ",\n".join(json.dumps(row) for row in rows)
    (HERE / "spellings.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()

# Writes every golden value of this folder: `python generate.py` for all, `python generate.py llama3` for one model.
# The README beside this file describes the formats. Needs torch, transformers, peft and safetensors.
from __future__ import annotations

import json
import platform
import shutil
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor

from families import Family, families, generator, load_model, seed_of, write_model
from methods import method_cases
from objectives import cases
from reference import (
    Objective,
    Triplet,
    batch_loss,
    logprobs,
    make_sequence,
    make_unsatisfactory,
    next_logprobs,
    random_ids,
)
from storage import floats, write_json, write_tensors
from training import RECIPES, adamw, schedules, train

HERE = Path(__file__).parent
MODELS = HERE / "models"
RANK, ALPHA = 4, 8

OBJECTIVES = [
    Objective("likelihood", "likelihood", {}),
    Objective("paper", "paper", {"lam": 1.2, "alpha": 1.0, "gamma": 1.0}),
    Objective("released-code", "released-code", {"lam": 1.1, "alpha": 1.0}),
    Objective("likelihood-tokens", "likelihood", {}, "tokens"),
    Objective("paper-tokens", "paper", {"lam": 1.2, "alpha": 1.0, "gamma": 1.0}, "tokens"),
    Objective("paper-weighted", "paper", {"lam": 1.1, "alpha": 0.5, "gamma": 2.0}),
    Objective("released-code-weighted", "released-code", {"lam": 1.2, "alpha": 0.5}),
]
# The objectives whose adapter gradients are stored for every model; one model stores them all.
WITH_GRADIENTS = {"likelihood", "paper", "released-code"}
ALL_GRADIENTS_OF = "llama3"


def lora_config(targets: list[str], base: str) -> LoraConfig:
    return LoraConfig(
        r=RANK,
        lora_alpha=ALPHA,
        lora_dropout=0.0,
        target_modules=targets,
        bias="none",
        task_type="CAUSAL_LM",
        base_model_name_or_path=base,
    )


def save_adapter(model: PeftModel, folder: Path, base: str) -> None:
    """As PEFT saves it, without its model card and with a base name that holds no path of this machine."""
    shutil.rmtree(folder, ignore_errors=True)
    model.peft_config["default"].base_model_name_or_path = base
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    config_path = folder / "adapter_config.json"
    config = json.loads(config_path.read_text())
    config["target_modules"] = sorted(config["target_modules"])
    config_path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def write_adapter(family: Family, folder: Path) -> None:
    """An adapter whose A and B are both random, so that its every matrix has a gradient."""
    model = get_peft_model(load_model(folder), lora_config(family.lora_targets, family.name))
    rng = generator(family.name, "adapter")
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if parameter.requires_grad:
                parameter.copy_(
                    (0.2 if "lora_A" in name else 0.15) * torch.randn(parameter.shape, generator=rng)
                )
    save_adapter(model, folder / "adapter", family.name)


def load_adapted(folder: Path, adapter: Path, dtype: torch.dtype = torch.float32) -> PeftModel:
    return PeftModel.from_pretrained(load_model(folder), adapter, is_trainable=True).to(dtype)


def lora_gradients(model: PeftModel) -> dict[str, Tensor]:
    """Gradients under the names that the adapter file uses."""
    return {
        name.replace(".default", ""): parameter.grad.clone()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def evaluate(
    model: Any, triplets: list[Triplet], objective: Objective
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A batch's loss, and the gradients of whatever in `model` is trainable."""
    model.zero_grad(set_to_none=True)
    batch = batch_loss(objective, [objective.triplet_loss(model, triplet) for triplet in triplets])
    batch.loss.backward()
    gradients = lora_gradients(model)
    norm = torch.sqrt(sum(gradient.double().square().sum() for gradient in gradients.values())).item()
    described = {
        "name": objective.name,
        **objective.described(),
        **batch.as_json(),
        "grad_norm": norm,
    }
    return described, gradients


def relative_error(actual: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """The worst relative L2 error of any one tensor."""
    return max(
        ((actual[name].double() - expected[name].double()).norm() / expected[name].double().norm()).item()
        for name in expected
    )


def make_triplets(
    model: Any, family: Family, count: int, rng: torch.Generator, sizes: list[tuple[int, int, int]]
) -> list[Triplet]:
    """Alternating satisfactory and unsatisfactory triplets; `sizes` are (prompt, judgment, response) lengths."""
    vocab = family.config.vocab_size
    made = []
    for index in range(count):
        prompt, judgment, response = sizes[index % len(sizes)]
        if index % 2 == 0:
            made.append(Triplet(make_sequence(model, vocab, prompt, response, rng), None))
        else:
            made.append(make_unsatisfactory(model, vocab, prompt, judgment, response, rng))
    return made


@torch.no_grad()
def greedy(model: Any, prompt: list[int], new_tokens: int, eos: list[int]) -> dict[str, Any] | None:
    """Greedy continuation by model.generate, or None where an argmax is too close to call (gap <= 1e-3).

    Every token is also checked against the argmax of a forward pass without a cache.
    """
    out = model.generate(
        input_ids=torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        do_sample=False,
        max_new_tokens=new_tokens,
    )[0].tolist()
    gaps = []
    for end in range(len(prompt), len(out)):
        top = torch.topk(next_logprobs(model, out[:end]), 2)
        if int(top.indices[0]) != out[end]:
            return None
        gaps.append((top.values[0] - top.values[1]).item())
    if min(gaps) <= 2e-3:
        return None
    return {"prompt": prompt, "ids": out[len(prompt) :], "finished": out[-1] in eos}


def make_generations(
    model: Any, family: Family, rng: torch.Generator, count: int = 3
) -> list[dict[str, Any]]:
    """Continuations that vary, not the same token again and again; one of them meets the end token if any soon does."""
    eos = model.generation_config.eos_token_id
    eos = eos if isinstance(eos, list) else [eos]
    running: list[dict[str, Any]] = []
    finished: list[dict[str, Any]] = []
    for attempt in range(400):
        length = (3, 11, 24)[attempt % 3]
        made = greedy(model, [1, *random_ids(length - 1, family.config.vocab_size, rng)], 12, eos)
        if made is None or len(set(made["ids"])) < min(5, len(made["ids"])):
            continue
        kept = finished if made["finished"] else running
        if len(kept) < count and all(len(one["prompt"]) != length for one in kept):
            kept.append(made)
        if len(running) == count and (finished or attempt > 150):
            break
    return (running[: count - 1] + finished[:1] if finished else running)[:count]


def write_family(family: Family) -> None:
    folder = MODELS / family.name
    write_model(family, folder)
    write_adapter(family, folder)
    base, adapted = load_model(folder), load_adapted(folder, folder / "adapter")
    rng = generator(family.name, "sequences")
    vocab = family.config.vocab_size

    sequences = [
        make_sequence(base, vocab, prompt, response, rng)
        for prompt, response in [(1, 4), (4, 5), (9, 8), (18, 10), (11, 29)]
    ]
    triplets = make_triplets(adapted, family, 4, rng, [(7, 0, 6), (9, 6, 11), (15, 0, 9), (5, 12, 7)])
    with torch.no_grad():
        rows = [
            {
                **sequence.as_json(),
                "logprobs": floats(logprobs(base, sequence)),
                "adapter_logprobs": floats(logprobs(adapted, sequence)),
            }
            for sequence in sequences
        ]
    write_json(folder / "sequences.json", rows)

    losses, gradients = [], {}
    exact = load_adapted(folder, folder / "adapter", torch.float64)
    worst = 0.0
    for objective in OBJECTIVES:
        described, found = evaluate(adapted, triplets, objective)
        losses.append(described)
        if objective.name in WITH_GRADIENTS or family.name == ALL_GRADIENTS_OF:
            gradients |= {f"{objective.name}/{name}": value for name, value in found.items()}
        worst = max(worst, relative_error(found, evaluate(exact, triplets, objective)[1]))
    with torch.no_grad():
        batch = [
            {
                "plain": {
                    **triplet.plain.as_json(),
                    "adapter_logprobs": floats(logprobs(adapted, triplet.plain)),
                },
                "judged": None
                if triplet.judged is None
                else {
                    **triplet.judged.as_json(),
                    "adapter_logprobs": floats(logprobs(adapted, triplet.judged)),
                },
            }
            for triplet in triplets
        ]
    write_json(folder / "losses.json", {"triplets": batch, "losses": losses})
    write_tensors(folder / "gradients.safetensors", gradients)

    if family.full_gradients:
        write_full_gradients(family, folder, triplets)
    write_json(
        folder / "generations.json",
        {
            "base": make_generations(base, family, generator(family.name, "prompts")),
            "adapter": make_generations(adapted, family, generator(family.name, "adapted prompts")),
        },
    )
    print(f"{family.name}: worst gradient difference between float32 and float64 {worst:.1e}")
    assert worst < 2e-5, "a golden too ill-conditioned to check against"


def write_full_gradients(family: Family, folder: Path, triplets: list[Triplet]) -> None:
    """Every weight's gradient of the likelihood on the base model, adapter absent."""
    model = load_model(folder).requires_grad_(True)
    # PyTorch would keep the gradient of the padding token's embedding from it, also where the token stands in a text.
    model.get_input_embeddings().padding_idx = None
    objective = OBJECTIVES[0]
    batch = batch_loss(objective, [objective.triplet_loss(model, triplet) for triplet in triplets])
    batch.loss.backward()
    write_tensors(
        folder / "full-gradients.safetensors", {name: p.grad for name, p in model.named_parameters()}
    )
    write_json(folder / "full-loss.json", {"objective": "likelihood", "loss": batch.loss.item()})


def write_trajectory(family: Family) -> None:
    """The first of seeded sets of 16 triplets on which no flag ever hangs on less than 0.002 nats."""
    folder, recipe = MODELS / family.name, RECIPES[family.name]
    target = folder / "trajectory"
    for attempt in range(200):
        torch.manual_seed(seed_of(family.name, "trajectory", attempt))
        model = get_peft_model(load_model(folder), lora_config(family.lora_targets, family.name))
        rng = generator(family.name, "trajectory", attempt)
        triplets = make_triplets(
            model, family, 16, rng, [(5, 0, 5), (6, 4, 8), (9, 0, 7), (7, 6, 5), (4, 0, 9), (8, 3, 6)]
        )
        start = {name: value.clone() for name, value in model.state_dict().items()}
        steps = train(model, recipe, triplets, needed_margin=2e-3)
        if steps is None:
            continue
        save_adapter(model, target / "final", family.name)
        exact = model.double()
        exact.load_state_dict(start)
        drift = max(
            abs(one["loss"] - other["loss"]) / abs(one["loss"])
            for one, other in zip(steps, train(exact, recipe, triplets, needed_margin=0.0))
        )
        print(f"{family.name}: trajectory {attempt}, largest relative difference from float64 {drift:.1e}")
        assert drift < 1e-4, "a trajectory too chaotic to check against"
        exact.load_state_dict(start)
        save_adapter(exact.float(), target / "start", family.name)
        rows = [
            {"plain": one.plain.as_json(), "judged": None if one.judged is None else one.judged.as_json()}
            for one in triplets
        ]
        write_json(target / "steps.json", {"recipe": recipe.as_json(), "triplets": rows, "steps": steps})
        return
    raise RuntimeError(f"{family.name}: no trajectory keeps its flags clear of the threshold")


def write_shared() -> None:
    """What belongs to no model."""
    write_json(HERE / "schedules.json", schedules())
    write_json(HERE / "adamw.json", adamw(generator("adamw")))
    write_json(HERE / "objectives.json", cases())
    write_json(HERE / "methods.json", method_cases())


def write_versions() -> None:
    packages = ("torch", "transformers", "peft", "safetensors", "numpy")
    write_json(
        HERE / "versions.json",
        {"python": platform.python_version(), **{name: version(name) for name in packages}},
    )


def main(names: list[str]) -> None:
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", module="peft")
    torch.set_num_threads(1)
    chosen = [family for family in families() if not names or family.name in names]
    for family in chosen:
        write_family(family)
        if family.name in RECIPES:
            write_trajectory(family)
    if not names:
        write_shared()
    write_versions()


if __name__ == "__main__":
    main(sys.argv[1:])

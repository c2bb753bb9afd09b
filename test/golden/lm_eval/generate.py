"""Writes golden.json and models/: what lm-evaluation-harness itself makes of the rows in data/ with two tiny models.

    pip install lm_eval==0.4.13 transformers==5.18.0 torch datasets
    python test/golden/lm_eval/generate.py

Dependencies of the harness that none of these tasks uses are stubbed where they are not installed. The rows are
our own, in the columns of the hub's data sets; `load_dataset` is pointed at them. MMLU's 57 subjects share a few
rows (`mmlu_rows`). TruthfulQA's primer is our own, put into the harness's task file in place of its own.
"""
from __future__ import annotations

import hashlib
import importlib
import json
import logging
import os
import sys
import types
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"


def stub(name: str, **attributes: Any) -> None:
    try:
        importlib.import_module(name)
    except ImportError:
        module = types.ModuleType(name)
        module.__dict__.update(attributes)
        sys.modules[name] = module


class Unused:
    """Stands for a class that must not be called."""


stub("evaluate", load=None)
stub("pytablewriter", LatexTableWriter=Unused, MarkdownTableWriter=Unused)
stub("rouge_score", rouge_scorer=None, scoring=None)
stub("sqlitedict", SqliteDict=Unused)
stub("word2number", w2n=None)

import datasets  # noqa: E402
import lm_eval  # noqa: E402
import torch  # noqa: E402
import yaml  # noqa: E402
from lm_eval.models.huggingface import HFLM  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast  # noqa: E402

HERE = Path(__file__).parent
DATA = HERE / "data"
SUBJECTS = ["abstract_algebra", "virology", "philosophy", "us_foreign_policy"]
torch.set_num_threads(1)
logging.disable(logging.WARNING)


def rows(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / path).read_text().splitlines()]


def mmlu_rows(subject: str) -> dict[str, list[dict[str, Any]]]:
    """Of the shared rows each subject has some: from a place on that its name's length gives, and as many."""
    test, dev = rows("mmlu-rows/test.jsonl"), rows("mmlu-rows/dev.jsonl")
    n = len(subject)
    return {
        "test": [test[(n + i) % len(test)] for i in range(2 + n % 4)],
        "dev": [dev[(n + i) % len(dev)] for i in range(len(dev))],
    }


def load_dataset(path: str, name: str | None = None, **_: Any) -> datasets.DatasetDict:
    if path == "cais/mmlu":
        splits = mmlu_rows(name or "")
    else:
        folder = {"allenai/ai2_arc": f"ai2_arc/{name}", "Rowan/hellaswag": "hellaswag",
                  "truthfulqa/truthful_qa": f"truthful_qa/{name}"}[path]
        splits = {file.stem: rows(f"{folder}/{file.name}") for file in (DATA / folder).glob("*.jsonl")}
    return datasets.DatasetDict({split: datasets.Dataset.from_list(some) for split, some in splits.items()})


datasets.load_dataset = load_dataset


def corpus() -> list[str]:
    return [file.read_text() for file in sorted(DATA.rglob("*.jsonl"))]


def byte_level() -> Tokenizer:
    """Like Llama 3's: bytes, and a BOS token in front of every text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=["<s>", "</s>"], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 0)])
    return tokenizer


def pieces() -> Tokenizer:
    """Like Llama 2's: spaces as a character of their own, one in front of every text, unknown characters as bytes."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    special = ["<unk>", "</s>", *[f"<0x{byte:02X}>" for byte in range(256)]]
    trainer = trainers.BpeTrainer(vocab_size=440, special_tokens=special, show_progress=False, limit_alphabet=60,
                                  max_token_length=8)
    tokenizer.train_from_iterator(corpus(), trainer)
    # The bytes are ordinary tokens, not text that special tokens are looked for in.
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["id"] < 2]
    return Tokenizer.from_str(json.dumps(state))


def write_model(name: str, tokenizer: Tokenizer, bos: str | None, positions: int) -> Path:
    folder = HERE / "models" / name
    vocabulary = tokenizer.get_vocab_size()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=bos, eos_token="</s>",
                                   clean_up_tokenization_spaces=False)
    torch.manual_seed(len(name))
    # A wide initialisation: neighbouring choices must not come out equal.
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=vocabulary, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3,
        num_key_value_heads=1, max_position_embeddings=positions, tie_word_embeddings=True, initializer_range=0.35,
        bos_token_id=None if bos is None else 0, eos_token_id=1))
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


class Recording(HFLM):
    """Keeps the tokens of every request."""

    def _loglikelihood_tokens(self, requests: Any, **settings: Any) -> Any:
        results = super()._loglikelihood_tokens(requests, **settings)
        self.requests = {text: (context, continuation) for text, context, continuation in requests}
        return results


def truthfulqa(metric: str) -> dict[str, Any]:
    """The harness's task with the primer of our own task file."""
    folder = Path(lm_eval.__file__).parent / "tasks" / "truthfulqa"
    module = importlib.import_module("lm_eval.tasks.truthfulqa.utils")
    loader = type("Loader", (yaml.SafeLoader,), {})
    loader.add_constructor("!function", lambda _, node: getattr(module, node.value.split(".")[1]))
    config = yaml.load((folder / "truthfulqa_mc1.yaml").read_text(), loader)
    if metric == "mc2":
        config |= yaml.load((folder / "truthfulqa_mc2.yaml").read_text(), loader)
    config.pop("include", None)
    own = yaml.safe_load((DATA / "truthful_qa/truthfulqa_mc1.yaml").read_text())
    return config | {"doc_to_text": own["doc_to_text"]}


def run(model: HFLM, task: Any, shots: int | None) -> dict[str, Any]:
    return lm_eval.simple_evaluate(model=model, tasks=[task], num_fewshot=shots, log_samples=True, bootstrap_iters=1,
                                   task_manager=manager)


def measured(results: dict[str, Any], name: str) -> dict[str, float]:
    own = results["results"].get(name) or results["groups"][name]
    return {key.replace(",none", ""): float(value) for key, value in own.items()
            if key.split(",")[0] in ("acc", "acc_norm", "acc_stderr", "acc_norm_stderr") and not isinstance(value, str)}


def documents(model: Recording, samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    written = []
    for sample in sorted(samples, key=lambda sample: sample["doc_id"]):
        arguments = [tuple(each) if not isinstance(each, dict) else (each["arg_0"], each["arg_1"])
                     for each in (sample["arguments"].values() if isinstance(sample["arguments"], dict) else sample["arguments"])]
        tokens = [model.requests[each] for each in arguments]
        written.append({
            "context": digest(arguments[0][0]),
            "continuations": [continuation for _, continuation in arguments],
            "context_ids": digest(tokens[0][0]),
            "context_length": len(tokens[0][0]),
            "continuation_ids": [ids for _, ids in tokens],
            "log_likelihoods": [float(response[0][0]) for response in sample["resps"]],
        })
    return written


manager = TaskManager()
golden: dict[str, Any] = {"versions": {"lm_eval": lm_eval.__version__, "torch": torch.__version__}, "prompts": {}, "runs": []}
for name, tokenizer, bos, positions in [("bytes", byte_level(), "<s>", 160), ("pieces", pieces(), None, 192)]:
    folder = write_model(name, tokenizer, bos, positions)
    model = Recording(pretrained=str(folder), device="cpu", dtype="float32", batch_size=1)
    wanted = [("arc_challenge", 0), ("arc_challenge", 3), ("arc_easy", 2), ("hellaswag", 0), ("hellaswag", 2),
              *[(f"mmlu_{subject}", shots) for subject in SUBJECTS[:2] for shots in (0, 3)],
              ("truthfulqa_mc1", 0), ("truthfulqa_mc2", 0)]
    for task, shots in wanted:
        given = truthfulqa(task[-3:]) if task.startswith("truthfulqa") else task
        results = run(model, given, shots)
        samples = results["samples"][task]
        golden["runs"].append({"model": name, "task": task, "shots": shots, "metrics": measured(results, task),
                               "documents": documents(model, samples)})
        # One prompt of each kind in full, for eyes.
        first = min(samples, key=lambda sample: sample["doc_id"])["arguments"]
        first = first["gen_args_0"]["arg_0"] if isinstance(first, dict) else first[0][0]
        golden["prompts"][f"{task}/{shots}"] = first
    for shots in (0, 2):
        results = run(model, "mmlu", shots)
        names = ["mmlu", "mmlu_stem", "mmlu_other", "mmlu_social_sciences", "mmlu_humanities",
                 *[f"mmlu_{subject}" for subject in SUBJECTS]]
        golden["runs"].append({"model": name, "task": "mmlu", "shots": shots,
                               "groups": {each: measured(results, each) for each in names}})
text = json.dumps(golden, ensure_ascii=False, separators=(",", ":"))
# A document a line.
for mark in ('{"context":', '{"model":', '"runs":', '"prompts":', '],"groups":'):
    text = text.replace(mark, "\n" + mark)
(HERE / "golden.json").write_text(text + "\n")
print({f"{run['model']} {run['task']} {run['shots']}": run.get("metrics", run.get("groups", {}).get("mmlu")) for run in golden["runs"]})

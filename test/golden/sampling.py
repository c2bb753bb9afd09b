# Probabilities of the next token under sampling settings, by transformers' logits processors where it has them.
#   python test/golden/sampling.py     writes test/golden/sampling.json
#
# The order is vLLM's: bias, tokens that may not come yet, the penalties for repetition, frequency and presence, temperature,
# min-p, top-k, top-p. transformers has no penalties for frequency and presence; they are the formula of OpenAI's
# reference: logit -= count * frequency_penalty + (count > 0) * presence_penalty, over the response alone.
from __future__ import annotations

import json
from pathlib import Path

import torch
import transformers
from transformers.generation import logits_process as lp

HERE = Path(__file__).parent
VOCABULARY = 24
PROMPT = [1, 5, 9, 5]
RESPONSE = [7, 7, 9, 3, 7]
CASES = [
    {"min_p": 0.3},
    {"min_p": 0.05, "temperature": 1.7},
    {"min_p": 1.0},
    {"min_p": 0.1, "top_k": 4},
    {"min_p": 0.1, "top_p": 0.6},
    {"min_p": 0.02, "top_k": 9, "top_p": 0.8, "temperature": 0.6},
    {"frequency_penalty": 0.7},
    {"frequency_penalty": -1.1},
    {"presence_penalty": 1.9},
    {"presence_penalty": -2.0},
    {"frequency_penalty": 0.4, "presence_penalty": 0.3, "repetition_penalty": 1.4},
    {"frequency_penalty": 2.0, "presence_penalty": 2.0, "repetition_penalty": 0.7, "min_p": 0.2, "temperature": 1.3},
    {"logit_bias": {"3": 5.0, "7": -100.0}, "repetition_penalty": 1.5},
    {"min_tokens": 6, "end_tokens": [2, 11]},
    {"min_tokens": 5, "end_tokens": [2, 11]},
    {"min_tokens": 9, "end_tokens": [2], "logit_bias": {"2": 50.0}, "top_k": 3},
]


def probabilities(logits: torch.Tensor, case: dict) -> torch.Tensor:
    scores = logits.clone()[None]
    context = torch.tensor([PROMPT + RESPONSE])
    for token, bias in case.get("logit_bias", {}).items():
        scores[0, int(token)] += bias
    if case.get("min_tokens"):
        processor = lp.MinNewTokensLengthLogitsProcessor(
            len(PROMPT), case["min_tokens"], case["end_tokens"], device="cpu"
        )
        scores = processor(context, scores)
    if case.get("repetition_penalty"):
        scores = lp.RepetitionPenaltyLogitsProcessor(case["repetition_penalty"])(context, scores)
    counts = torch.bincount(torch.tensor(RESPONSE), minlength=VOCABULARY)
    scores = scores - counts * case.get("frequency_penalty", 0.0) - (counts > 0) * case.get("presence_penalty", 0.0)
    if case.get("temperature"):
        scores = lp.TemperatureLogitsWarper(case["temperature"])(context, scores)
    if case.get("min_p"):
        scores = lp.MinPLogitsWarper(case["min_p"])(context, scores)
    if case.get("top_k"):
        scores = lp.TopKLogitsWarper(case["top_k"])(context, scores)
    if case.get("top_p"):
        scores = lp.TopPLogitsWarper(case["top_p"])(context, scores)
    return scores.softmax(-1)[0]


def main() -> None:
    torch.manual_seed(0)
    cases = []
    for settings in CASES:
        logits = torch.randn(VOCABULARY) * 1.5
        cases.append(
            {"settings": settings, "logits": logits.tolist(), "probabilities": probabilities(logits, settings).tolist()}
        )
    result = {
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "prompt": PROMPT,
        "response": RESPONSE,
        "cases": cases,
    }
    (HERE / "sampling.json").write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()

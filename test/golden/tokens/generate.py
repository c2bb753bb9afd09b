"""Writes tokens.json: what Hugging Face's own Python libraries make of a few small tokenizers and texts.

    pip install transformers==5.18.0 tokenizers==0.23.2 jinja2
    python test/golden/tokens/generate.py

The tokenizers are built here and stored in the golden file, so that the test reads the same bytes. The response
of a row is found from transformers' joint tokenization by the rule of src/tokens/encode.ts, written again here
from character offsets.
"""

import datetime
import json
import os
import tempfile

import jinja2
import tokenizers
import transformers
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

CORPUS = [
    "Below is an instruction that describes a task. Write a response to the instruction.",
    "### Instruction:\nName three rivers of Europe.\n\n### Response:\nThe Rhine, the Danube and the Loire.\n",
    "### Judgment:\nThe third sentence repeats the second, and the date of the battle is wrong.\n",
    "Where does the rain go? It goes into the ground, into the rivers, and from the rivers into the sea.",
    "Er trank einen Kaffee; où est le café ? naïve façade, año nuevo, 12 + 34 = 46, 3.14159 and 2024-07-05.",
    "The sea is wide, the sea is deep, and the rain falls on the sea as on the land. It isn't, we're, they'll.",
]
TEXTS = [
    "The Rhine, the Danube and the Loire.",
    " the rain goes\n\n  into the sea ",
    "naïve cafe\u0301 \U0001F642\U0001F642 \u4eca\u65e5 \u1112\u1161\u11ab 1234567",
    "",
    "It isn't; they'll go.\r\n\tBut <|turn|> and </s>?",
]
TEMPLATES = {
    "plain": "Below is an instruction that describes a task.\n\n### Instruction:\n{instruction}\n\n### Response:\n",
    "spaced": "Q: {instruction} A: ",
}
CHAT = (
    "{{ bos_token }}{%- for message in messages %}{%- if message['role'] != 'user' %}"
    "{{ raise_exception('Only users may speak') }}{%- endif %}\n"
    "    {{- '<|turn|>' + message['role'] + '\\n' + message['content'] | trim + eos_token + '\\n' }}\n"
    "{%- endfor %}{%- if tools is defined and tools is not none and tools | length > 0 %}TOOLS{%- endif %}"
    "{%- if add_generation_prompt %}{{- '<|turn|>assistant\\n' }}{%- endif %}"
)
SPECIAL = ["<s>", "</s>", "<|turn|>"]
TIMES = ["2024-07-05T09:03:07", "2023-12-31T23:59:59", "2000-02-29T00:00:00", "1999-01-01T12:30:45"]
TIME_FORMAT = "%Y %y %m %d %e %-d %b %B %a %A %H %I %M %S %p %j %%"


def byte_level(pre_tokenizer, normalizer, post_processor):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=480,
        min_frequency=2,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    if post_processor is not None:
        tokenizer.post_processor = post_processor
    return tokenizer


def llama2(metaspace):
    """A SentencePiece-like BPE with byte fallback; the merges are trained on text with spaces as U+2581."""
    trainee = Tokenizer(models.BPE())
    trainee.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trainee.train_from_iterator(
        [line for text in CORPUS for line in text.splitlines()],
        trainers.BpeTrainer(vocab_size=180, min_frequency=2, show_progress=False),
    )
    learned = json.loads(trainee.to_str())["model"]
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    tokens += [token for token in learned["vocab"] if token not in tokens] + ["\u2581\u2581"]
    merges = [("\u2581", "\u2581")] + [tuple(pair) for pair in learned["merges"]]
    vocab = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if metaspace:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    else:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.add_special_tokens(["<|turn|>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", vocab["<s>"])])
    return tokenizer


def all_tokenizers():
    words = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    split = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bos = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return {
        "llama3-like": byte_level(split, None, processors.Sequence([processors.ByteLevel(trim_offsets=True), bos])),
        "qwen2-like": byte_level(split, normalizers.NFC(), processors.ByteLevel(trim_offsets=False)),
        "gpt2-like": byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), None, None),
        "llama2-like": llama2(metaspace=False),
        "metaspace-first": llama2(metaspace=True),
    }


def joint_row(fast, template, response):
    """Ids and response start of prompt + response, or None for the start where a token straddles the boundary."""
    prompt = template.replace("{instruction}", "Name three rivers of Europe.")
    end = len(prompt)
    encoded = fast(prompt + response, return_offsets_mapping=True)
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
    # Undo trimming: without it a token begins where the one before it ends.
    for index in range(1, len(offsets)):
        if offsets[index][0] > offsets[index - 1][1] and ids[index] != fast.bos_token_id:
            offsets[index] = (offsets[index - 1][1], offsets[index][1])
    straddles = any(start < end < stop for start, stop in offsets)
    start = next((i for i, span in enumerate(offsets) if span[0] >= end and i > 0), len(ids))
    if ids[-1] != fast.eos_token_id:
        ids = ids + [fast.eos_token_id]
    return {"prompt": prompt, "response": response, "ids": ids, "start": None if straddles else start}


def describe(name, tokenizer):
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "chat_template": CHAT}
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(os.path.join(folder, "tokenizer.json"), pretty=False)
        with open(os.path.join(folder, "tokenizer_config.json"), "w") as file:
            json.dump(config, file)
        fast = PreTrainedTokenizerFast.from_pretrained(folder)
        with open(os.path.join(folder, "tokenizer.json")) as file:
            tokenizer_json = file.read()
    texts = []
    for text in TEXTS:
        with_special = fast(text)["input_ids"]
        bare = fast(text, add_special_tokens=False)["input_ids"]
        decoded = fast.decode(with_special, clean_up_tokenization_spaces=False)
        skipped = fast.decode(with_special, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        texts.append({"text": text, "ids": with_special, "bare": bare, "decoded": decoded, "skipped": skipped})
    messages = [{"role": "user", "content": "  Name three rivers of Europe.\nAnd one sea. "}]
    return {
        "name": name,
        "tokenizer": tokenizer_json,
        "config": config,
        "texts": texts,
        "rows": [joint_row(fast, template, text) for template in TEMPLATES.values() for text in TEXTS[:3]],
        "chat": {
            "instruction": messages[0]["content"],
            "text": fast.apply_chat_template(messages, add_generation_prompt=True, tokenize=False),
            "ids": fast.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=False),
        },
    }


def trained():
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), None, None)
    model = json.loads(tokenizer.to_str())["model"]
    return {"corpus": CORPUS, "special": SPECIAL, "vocab": model["vocab"], "merges": model["merges"]}


def main():
    golden = {
        "generator": "test/golden/tokens/generate.py",
        "versions": {
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
            "jinja2": jinja2.__version__,
        },
        "tokenizers": [describe(name, tokenizer) for name, tokenizer in all_tokenizers().items()],
        "trained": trained(),
        "times": {
            "format": TIME_FORMAT,
            "cases": [[time, datetime.datetime.fromisoformat(time).strftime(TIME_FORMAT)] for time in TIMES],
        },
    }
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tokens.json")
    with open(path, "w") as file:
        json.dump(golden, file, ensure_ascii=True, separators=(",", ":"))
        file.write("\n")


main()

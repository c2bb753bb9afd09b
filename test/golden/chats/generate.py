"""Writes chats.json: prompts and finished conversations as transformers' apply_chat_template has them.

    pip install transformers==5.18.0 tokenizers==0.23.2 jinja2
    python test/golden/chats/generate.py

The templates have the structure of those that well-known models come with, in words of our own. For each, and for a
number of responses, the file holds the ids of the prompt and of the finished conversation up to the end of the
assistant's turn; likewise for conversations of two to five turns (`talks`), whose prompts with a judgment are there too. `end` is the token that ends a turn; where a template writes none, the tokenizer's end token follows.
"""

import json
import os
import tempfile

import jinja2
import tokenizers
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

CORPUS = [
    "Name three rivers of Europe. The Rhine, the Danube and the Loire.",
    "user assistant system model think Response Assistant: User: You are a helpful assistant.",
    "Where does the rain go? It goes into the ground, into the rivers, and from the rivers into the sea.",
]
SPECIAL = (
    ["<unk>", "<s>", "</s>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|end_of_text|>"]
    + ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"]
    + ["<|user|>", "<|assistant|>", "<|system|>", "<|end|>", "<|start_of_role|>", "<|end_of_role|>"]
    + ["<\uff5cbegin\u2581of\u2581sentence\uff5c>", "<\uff5cend\u2581of\u2581sentence\uff5c>", "<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>"]
)
# Added, but no special ones: they are text.
ADDED = ["<think>", "</think>"]

RESPONSES = [
    "The Rhine, the Danube and the Loire.",
    "  padded on both sides \n",
    "na\u00efve caf\u00e9 \U0001F642 12 + 34 = 46\n\nend",
    "<b>not a tag of any template</b>",
    "<think>\nThere are many.\n</think>\n\nThe Rhine.",
    "thoughts that end in the middle</think>The Loire.",
]

SHAPES = {
    "chatml": {
        "template": "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
        "eos": "<|endoftext|>",
        "end": "<|im_end|>",
    },
    "llama3": {
        "template": "{% set loop_messages = messages %}{% for message in loop_messages %}"
        "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' %}"
        "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}",
        "bos": "<|begin_of_text|>",
        "eos": "<|end_of_text|>",
        "end": "<|eot_id|>",
    },
    "gemma": {
        "template": "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('No system messages here') }}{% endif %}"
        "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Turns must alternate') }}{% endif %}"
        "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
        "{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}",
        "bos": "<bos>",
        "eos": "<eos>",
        "end": "<end_of_turn>",
    },
    "mistral": {
        "tokenizer": "pieces",
        "template": "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
        "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] | trim + eos_token }}"
        "{% else %}{{ raise_exception('Only users and assistants speak') }}{% endif %}{% endfor %}",
        "bos": "<s>",
        "eos": "</s>",
        "end": "</s>",
    },
    "qwen3": {
        "template": """{%- if messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if message.role == "user" and message.content is string and not message.content.startswith('<tool>') %}
        {%- set ns.last = index %}{% break %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.role == "user" or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set content = message.content %}
        {%- set thought = '' %}
        {%- if '</think>' in content %}
            {%- set thought = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last and (loop.last or thought) %}
            {{- '<|im_start|>assistant\\n<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>assistant\\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}""",
        "eos": "<|im_end|>",
        "end": "<|im_end|>",
        "args": [{}, {"enable_thinking": False}],
    },
    "zephyr": {
        "tokenizer": "pieces",
        "template": "{% for message in messages %}\n{% if message['role'] == 'system' %}\n{{ '<|system|>\\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'user' %}\n{{ '<|user|>\\n' + message['content'] + eos_token }}\n"
        "{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\\n'  + message['content'] + eos_token }}\n{% endif %}\n"
        "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}",
        "bos": "<s>",
        "eos": "</s>",
        "end": "</s>",
    },
    "phi": {
        "template": "{% for message in messages %}{% if message['role'] == 'user' %}{{ '<|user|>\\n' + message['content'] + '<|end|>\\n' }}"
        "{% elif message['role'] == 'assistant' %}{{ '<|assistant|>\\n' + message['content'] + '<|end|>\\n' }}"
        "{% elif message['role'] == 'system' %}{{ '<|system|>\\n' + message['content'] + '<|end|>\\n' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}",
        "eos": "<|endoftext|>",
        "end": "<|end|>",
    },
    "granite": {
        "template": "{%- if messages[0]['role'] != 'system' %}"
        "{{- '<|start_of_role|>system<|end_of_role|>You are a helpful assistant.<|end_of_text|>\\n' }}{%- endif %}"
        "{%- for message in messages %}{{- '<|start_of_role|>' + message['role'] + '<|end_of_role|>' + message['content'] + '<|end_of_text|>\\n' }}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<|start_of_role|>assistant<|end_of_role|>' }}{%- endif %}",
        "eos": "<|end_of_text|>",
        "end": "<|end_of_text|>",
    },
    "smollm3": {
        "template": """{%- if enable_thinking is not defined -%}{%- set enable_thinking = true -%}{%- endif -%}
{{- "<|im_start|>system\\nReasoning: " ~ ("/think" if enable_thinking else "/no_think") ~ "<|im_end|>\\n" -}}
{%- for message in messages -%}
    {%- set content = message.content if message.content is string else "" -%}
    {%- if message.role == "user" -%}
        {{ "<|im_start|>" + message.role + "\\n" + content + "<|im_end|>\\n" }}
    {%- elif message.role == "assistant" -%}
        {%- if enable_thinking -%}
            {{ "<|im_start|>assistant\\n" + content.lstrip("\\n") + "<|im_end|>\\n" }}
        {%- else -%}
            {{ "<|im_start|>assistant\\n" + "<think>\\n\\n</think>\\n" + content.lstrip("\\n") + "<|im_end|>\\n" }}
        {%- endif -%}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {%- if enable_thinking -%}{{ "<|im_start|>assistant\\n" }}{%- else -%}{{ "<|im_start|>assistant\\n" + "<think>\\n\\n</think>\\n" }}{%- endif -%}
{%- endif -%}""",
        "eos": "<|im_end|>",
        "end": "<|im_end|>",
        "args": [{}, {"enable_thinking": False}],
    },
    "deepseek": {
        "template": "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{{ bos_token }}"
        "{%- for message in messages %}{%- if message['role'] == 'user' %}{{ '<\uff5cUser\uff5c>' + message['content'] }}{%- endif %}"
        "{%- if message['role'] == 'assistant' %}{% set content = message['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}"
        "{{ '<\uff5cAssistant\uff5c>' + content + eos_token }}{%- endif %}{%- endfor -%}"
        "{% if add_generation_prompt %}{{ '<\uff5cAssistant\uff5c><think>\\n' }}{% endif %}",
        "bos": "<\uff5cbegin\u2581of\u2581sentence\uff5c>",
        "eos": "<\uff5cend\u2581of\u2581sentence\uff5c>",
        "end": "<\uff5cend\u2581of\u2581sentence\uff5c>",
    },
    "generation-block": {
        "template": "{% for message in messages %}\n{% if message.role == 'assistant' %}\n<|assistant|>\n{% generation %}{{ message.content }}<|end|>{% endgeneration %}\n\n"
        "{% else %}\n<|user|>\n{{ message.content }}<|end|>\n{% endif %}\n{% endfor %}\n{% if add_generation_prompt %}<|assistant|>\n{% endif %}",
        "eos": "<|endoftext|>",
        "end": "<|end|>",
    },
    "without-an-end": {
        "template": "{% for message in messages %}{{ ('User' if message.role == 'user' else 'Assistant') ~ ':\\n' ~ message.content ~ '\\n\\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'Assistant:\\n' }}{% endif %}",
        "eos": "<|endoftext|>",
        "end": None,
    },
    "end-in-letters": {
        "tokenizer": "pieces",
        "template": "{{ bos_token }}{% for message in messages %}{{ '<|turn ' + message['role'] + '|>\\n' + message['content'] + '<|done|>' + '\\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|turn assistant|>\\n' }}{% endif %}",
        "bos": "<s>",
        "eos": "</s>",
        "end": None,
    },
}


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=420, min_frequency=2, initial_alphabet=alphabet, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_tokens([tokenizers.AddedToken(text, normalized=False) for text in ADDED])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def pieces():
    """SentencePiece-like, with byte fallback and a space in front of every text."""
    trainee = Tokenizer(models.BPE())
    trainee.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trainee.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=160, min_frequency=2, show_progress=False))
    learned = json.loads(trainee.to_str())["model"]
    few = ["<unk>", "<s>", "</s>", "<|user|>", "<|assistant|>"]
    tokens = few + [f"<0x{byte:02X}>" for byte in range(256)]
    tokens += [token for token in learned["vocab"] if token not in tokens]
    vocab = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    merges = [tuple(pair) for pair in learned["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(few)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", vocab["<s>"])])
    return tokenizer


def conversations(shape, fast):
    end = shape["end"] and fast.convert_tokens_to_ids(shape["end"])
    for args in shape.get("args", [{}]):
        for response in RESPONSES:
            asked = [{"role": "user", "content": "Name three rivers of Europe."}]
            told = asked + [{"role": "assistant", "content": response}]
            prompt = fast.apply_chat_template(asked, add_generation_prompt=True, tokenize=True, return_dict=False, **args)
            text = fast.apply_chat_template(told, tokenize=False, **args)
            if end is None:
                ids = fast(text.rstrip() if shape["template"].count("<|done|>") else text[:-2], add_special_tokens=False)["input_ids"] + [fast.eos_token_id]
            else:
                ids = fast.apply_chat_template(told, tokenize=True, return_dict=False, **args)
                ids = ids[: len(ids) - ids[::-1].index(end)]
                # Behind the turn's own end a template may close the whole text.
                assert shape["end"] in text[text.rindex(response.strip().split("</think>")[-1].strip()) :]
            yield {
                "args": args,
                "response": response,
                "prompt": prompt,
                "ids": ids,
                "changed": response.strip() not in text,
            }


# What stands between the user's last message and the judgment of the answer to come.
REQUEST = "\n\nWrite a response that deserves the following judgment.\n\nJudgment: "
JUDGMENT = "It leaves out the Danube."
TURNS = [
    ("Name three rivers of Europe.", "The Rhine, the Danube and the Loire."),
    ("Where do they go?", "<think>\nInto seas.\n</think>\n\nInto the sea."),
    ("And the rain?", "  It goes into the ground. "),
    ("Into which sea?", "The North Sea\nand others."),
    ("Which is the longest?", "The Danube."),
]
SYSTEM = "You are a helpful assistant of three words."


def behind(prompt, ids):
    """What of `ids` is not the beginning of `prompt`, and how much of it is."""
    same = next((i for i, (a, b) in enumerate(zip(prompt, ids)) if a != b), min(len(prompt), len(ids)))
    return [same, ids[same:]]


def talks(shape, fast, request):
    """Conversations of two to five turns, with and without a system message; null where the template refuses them."""
    end = shape["end"] and fast.convert_tokens_to_ids(shape["end"])
    for args in shape.get("args", [{}]):
        for count in range(2, 6):
            for system in [None, SYSTEM]:
                said = [{"role": "system", "content": system}] if system else []
                for asked, answered in TURNS[:count]:
                    said += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
                context = said[:-1]
                judged = context[:-1] + [{"role": "user", "content": context[-1]["content"] + request + JUDGMENT}]
                talk = {"args": args, "turns": count, "system": system is not None}
                try:
                    text = fast.apply_chat_template(said, tokenize=False, **args)
                except jinja2.TemplateError:
                    yield {**talk, "refused": True}
                    continue
                if system and system not in fast.apply_chat_template(context, tokenize=False, **args):
                    yield {**talk, "refused": True}
                    continue
                options = {"add_generation_prompt": True, "tokenize": True, "return_dict": False, **args}
                prompt = fast.apply_chat_template(context, **options)
                if end is None:
                    ids = fast(text.rstrip() if shape["template"].count("<|done|>") else text[:-2], add_special_tokens=False)["input_ids"] + [fast.eos_token_id]
                else:
                    ids = fast.apply_chat_template(said, tokenize=True, return_dict=False, **args)
                    ids = ids[: len(ids) - ids[::-1].index(end)]
                yield {
                    **talk,
                    "prompt": prompt,
                    "judged": behind(prompt, fast.apply_chat_template(judged, **options)),
                    "finished": behind(prompt, ids),
                    "changed": said[-1]["content"].strip() not in text,
                }


def main():
    made = {"bytes": byte_level(), "pieces": pieces()}
    shapes = []
    for name, shape in SHAPES.items():
        tokenizer = made[shape.get("tokenizer", "bytes")]
        config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": shape["eos"], "chat_template": shape["template"]}
        if "bos" in shape:
            config["bos_token"] = shape["bos"]
        with tempfile.TemporaryDirectory() as folder:
            tokenizer.save(os.path.join(folder, "tokenizer.json"), pretty=False)
            with open(os.path.join(folder, "tokenizer_config.json"), "w") as file:
                json.dump(config, file)
            fast = PreTrainedTokenizerFast.from_pretrained(folder)
        shapes.append(
            {
                "name": name,
                "tokenizer": shape.get("tokenizer", "bytes"),
                "config": config,
                "end": shape["end"],
                "conversations": list(conversations(shape, fast)),
                "talks": list(talks(shape, fast, REQUEST)),
            }
        )
    golden = {
        "generator": "test/golden/chats/generate.py",
        "versions": {
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
            "jinja2": jinja2.__version__,
        },
        "instruction": "Name three rivers of Europe.",
        "talk": {"system": SYSTEM, "turns": TURNS, "request": REQUEST, "judgment": JUDGMENT},
        "tokenizers": {name: tokenizer.to_str() for name, tokenizer in made.items()},
        "shapes": shapes,
    }
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "chats.json")
    with open(path, "w") as file:
        json.dump(golden, file, ensure_ascii=True, separators=(",", ":"))
        file.write("\n")


main()

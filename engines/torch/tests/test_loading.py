"""Slices of safetensors files: what a rank reads is its rows, block by block, and what is damaged is refused by name."""

import json
import struct

import pytest
import torch
from safetensors.torch import save_file

from whetstone_torch import loading
from whetstone_torch.loading import Refused, files_of, load, load_shards, read_rows, tensors_in
from whetstone_torch.sharding import Ranks, shard_range


@pytest.fixture
def tensors():
    rng = torch.Generator().manual_seed(1)
    return {
        "matrix": torch.randn(7, 5, generator=rng),
        "half": torch.randn(6, 4, generator=rng).to(torch.bfloat16),
        "vector": torch.randn(3, generator=rng),
        "one": torch.randn((), generator=rng),
        "none": torch.zeros(0, 4),
    }


def test_ranks_read_their_rows(tmp_path, tensors, monkeypatch):
    monkeypatch.setattr(loading, "BLOCK_BYTES", 24)
    file = tmp_path / "model.safetensors"
    save_file(tensors, file)
    stored = tensors_in(file)
    assert set(stored) == set(tensors)
    for name, tensor in tensors.items():
        whole = torch.empty(tensor.shape, dtype=torch.float32)
        read_rows(stored[name], 0, tensor.shape[0] if tensor.dim() > 0 else 1, whole)
        assert torch.equal(whole, tensor.float()), name
    for count in (1, 2, 3, 8):
        parts = []
        for rank in range(count):
            first, last = shard_range(7, Ranks(rank, count))
            part = torch.empty(last - first, 5, dtype=torch.float64)
            read_rows(stored["matrix"], first, last, part)
            parts.append(part)
        assert torch.equal(torch.cat(parts).float(), tensors["matrix"])
        # As FSDP2 cuts, which is as torch.chunk does.
        for part, chunk in zip(parts, tensors["matrix"].chunk(count)):
            assert torch.equal(part.float(), chunk)


def test_files_of_an_index(tmp_path, tensors):
    names = {"matrix": "a.safetensors", "half": "b.safetensors", "vector": "a.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    assert files_of(tmp_path) == [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    with pytest.raises(Refused, match="there is no model.safetensors"):
        files_of(tmp_path / "nowhere")


@pytest.mark.parametrize("cut", [4, 40, 300])
def test_a_file_that_is_cut_short_is_named(tmp_path, tensors, cut):
    file = tmp_path / "model.safetensors"
    save_file(tensors, file)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) - cut] if cut < 100 else whole[:cut])
    with pytest.raises(Refused, match=r"model\.safetensors: "):
        tensors_in(file)


@pytest.mark.parametrize(
    "header", [b"nonsense", b"[1]", b'{"a": 3}', b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}']
)
def test_headers_that_describe_no_tensors_are_refused(tmp_path, header):
    file = tmp_path / "model.safetensors"
    file.write_bytes(struct.pack("<Q", len(header)) + header + b"12345678")
    with pytest.raises(Refused, match=r"model\.safetensors: "):
        tensors_in(file)


def test_ranks_make_the_buffers_that_one_rank_makes(tmp_path, monkeypatch):
    # Gemma scales its embeddings by a buffer: the square root of 24 is another number in bfloat16.
    from transformers import GemmaConfig, GemmaForCausalLM

    sizes = dict(hidden_size=24, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1)
    config = GemmaConfig(vocab_size=50, head_dim=12, pad_token_id=0, **sizes)
    torch.manual_seed(3)
    GemmaForCausalLM(config).to(torch.bfloat16).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text()).get("dtype", "bfloat16") == "bfloat16"
    cpu, alone = torch.device("cpu"), Ranks(0, 1)
    whole, _ = load(str(tmp_path), torch.float32, cpu, alone, None, torch.float32)
    monkeypatch.setattr(loading, "shard", lambda *_: None)
    shares, _ = load_shards(str(tmp_path), whole.config.__class__.from_pretrained(tmp_path), "sdpa", torch.float32, torch.float32, cpu, alone)
    ids = torch.arange(1, 9)[None]
    with torch.no_grad():
        assert torch.equal(whole.eval()(ids).logits, shares.eval()(ids).logits)

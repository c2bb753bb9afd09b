"""The model that training began from, where weights are spread: nothing of it stays behind."""

import pytest
import torch
import torch.distributed as dist
from transformers import LlamaConfig, LlamaForCausalLM

from whetstone_torch.model import Model, as_it_was, hold, own_parts, remember_initial
from whetstone_torch.sharding import Ranks, reshard, shard


@pytest.fixture
def group(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_a_group_that_stays_gathered_is_gathered_anew(group):
    torch.manual_seed(5)
    sizes = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, vocab_size=30)
    module = LlamaForCausalLM(LlamaConfig(**sizes)).eval()
    cpu, alone = torch.device("cpu"), Ranks(0, 1)
    shard(module, torch.float32, cpu, alone)
    # As earlier versions of FSDP2 do with the outermost group, whatever they are told.
    module.set_reshard_after_forward(False, recurse=False)
    model = Model(module, {}, cpu, alone, torch.float32, kind="full")
    hold(model, dict(module.named_parameters()))
    ids = torch.arange(12)[None]

    def logits():
        with torch.no_grad():
            return module(ids).logits.clone()

    before = logits()
    reshard(module)
    remember_initial(model)
    with torch.no_grad():
        for part in own_parts(model):
            part.mul_(1.5)
    present = logits()
    assert not torch.allclose(before, present)
    with as_it_was(model):
        assert torch.equal(logits(), before)
    assert torch.equal(logits(), present)

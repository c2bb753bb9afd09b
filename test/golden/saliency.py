"""Attention weights and gradients by embeddings of a model of the world: python test/golden/saliency.py

Writes saliency.json: for one sequence, the mean attention weight over layers and heads, [tokens][tokens], and the norm of the
derivative of the response's log-likelihood by each token's embedding, [tokens].
"""
import json
import os

import torch
import transformers
from transformers import AutoModelForCausalLM

here = os.path.dirname(os.path.abspath(__file__))
model = AutoModelForCausalLM.from_pretrained(
    os.path.join(here, "../../models/world-64"), attn_implementation="eager", dtype=torch.float32
).eval()
ids = [5, 40, 17, 200, 33, 8, 90, 121, 64, 2]
start = 5
embedded = model.get_input_embeddings()(torch.tensor([ids])).detach().requires_grad_(True)
out = model(inputs_embeds=embedded, output_attentions=True)
logprobs = torch.log_softmax(out.logits[0], dim=-1)
total = sum(logprobs[i - 1, ids[i]] for i in range(start, len(ids)))
total.backward()
with open(os.path.join(here, "saliency.json"), "w") as file:
    json.dump(
        {
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
            "ids": ids,
            "response_start": start,
            "gradient": [round(x, 7) for x in embedded.grad[0].norm(dim=-1).tolist()],
            "attention": [
                [round(x, 7) for x in row]
                for row in torch.stack(out.attentions).mean(dim=(0, 1, 2)).tolist()
            ],
        },
        file,
    )
    file.write("\n")

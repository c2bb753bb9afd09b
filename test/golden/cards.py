"""What huggingface_hub reads in the model cards of test/golden/cards, and what PEFT adds to one: read.json.

    npx vitest run src/run-report/model-card.test.ts --update      # writes the cards
    python test/golden/cards.py
"""

import hashlib
import json
import tempfile
from pathlib import Path

import huggingface_hub
from huggingface_hub import ModelCard

here = Path(__file__).parent / "cards"
read = {}
for path in sorted(here.glob("*.md")):
    card = ModelCard(path.read_text(encoding="utf-8"))  # raises where model-index is not as it has to be
    metadata = card.data.to_dict()
    # A round trip through the hub's own classes keeps everything: nothing in it is unknown to them or lost.
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "README.md"
        card.save(copy)
        assert ModelCard.load(copy).data.to_dict() == metadata
    if card.data.eval_results:
        print(path.name, [(r.dataset_name, r.metric_type, r.metric_value) for r in card.data.eval_results])
    read[path.stem] = {
        "metadata": metadata,
        "text_sha256": hashlib.sha256(card.text.encode()).hexdigest(),
    }
read["versions"] = {"huggingface_hub": huggingface_hub.__version__}
(here / "read.json").write_text(json.dumps(read, indent=2) + "\n")

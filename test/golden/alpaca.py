"""Win rates, length-controlled win rates and the order of outputs, by AlpacaEval's own code, into alpaca.json.

    python alpaca.py CHECKOUT

CHECKOUT is a clone of tatsu-lab/alpaca_eval (the values are those of commit cd543a1). Its metrics and processors are
imported as they are; `datasets` and `pkg_resources`, which they import and these parts never use, are empty modules, and
the table of difficulties that they would download is one made here. Needs numpy, pandas, scikit-learn 1.6, patsy,
huggingface_hub, pyyaml and tqdm.

Every length-controlled win rate is there twice: as AlpacaEval computes it, where liblinear stops at a tolerance of 1e-4,
and with a tolerance of 1e-12, which is the solution of the same problem.
"""

import json
import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import pandas as pd

checkout = Path(sys.argv[1]).resolve() / "src"
for name in ("datasets", "pkg_resources"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["datasets"].Dataset = type("Dataset", (), {})
# Without the package's own __init__, which imports every decoder.
package = types.ModuleType("alpaca_eval")
package.__path__ = [str(checkout / "alpaca_eval")]
sys.modules["alpaca_eval"] = package

from alpaca_eval import processors  # noqa: E402
from alpaca_eval.metrics import glm_winrate, winrate  # noqa: E402


def plain(value):
    """Numbers as JSON has them, NaN as null."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    number = value.item() if hasattr(value, "item") else value
    return None if isinstance(number, float) and np.isnan(number) else number


def make_pairs(seed, count, bias, unscored=()):
    """Preferences that lean towards longer outputs."""
    random = np.random.default_rng(seed)
    reference = random.integers(20, 400, count)
    model = random.integers(5, 500, count)
    logits = bias + 0.006 * (model - reference) + random.normal(0, 1, count)
    soft = np.round(1 + 1 / (1 + np.exp(-logits)), 3)
    hard = np.where(soft > 1.55, 2.0, np.where(soft < 1.45, 1.0, 1.5))
    preference = [None if i in unscored else float(p) for i, p in enumerate(hard if seed % 2 else soft)]
    return [
        {"preference": p, "reference_length": int(r), "model_length": int(m)}
        for p, r, m in zip(preference, reference, model)
    ]


def make_table(seed, count):
    """In the columns of df_gamed.csv: two known models with three answers to each instruction."""
    random = np.random.default_rng(seed)
    difficulty = np.round(random.normal(0, 1.2, count), 4)
    rows = []
    for model, shift in (("concise", -0.8), ("verbose", 0.7)):
        for index in range(count):
            length = round(float(random.normal(-shift, 0.6)), 4)
            preference = 1 / (1 + np.exp(-(0.5 * difficulty[index] - 0.9 * np.tanh(length))))
            rows.append(
                {
                    "model": model,
                    "index": index,
                    "preference": round(float(preference), 4),
                    "std_delta_len": length,
                    "instruction_difficulty": float(difficulty[index]),
                    "not_gamed_baseline": False,
                }
            )
    return rows


def length_controlled(pairs, table, variant, **solver):
    frame = pd.DataFrame(
        {
            "preference": [np.nan if p["preference"] is None else p["preference"] for p in pairs],
            "output_1": ["x" * p["reference_length"] for p in pairs],
            "output_2": ["x" * p["model_length"] for p in pairs],
            "generator_1": "reference",
            "generator_2": "model",
            "annotator": "judge",
        }
    )
    info = {**glm_winrate.GLM_INFO[variant]}
    info["kwargs"] = {**info["kwargs"], **solver}
    fitted = []
    fit = glm_winrate.fit_LogisticRegressionCV
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        pd.DataFrame(table).to_csv(file.name, index=False)
        glm_winrate.hf_hub_download = lambda **_: file.name
        glm_winrate.fit_LogisticRegressionCV = lambda *a, **k: fitted.append(fit(*a, **k)) or fitted[-1]
        try:
            # The pairs without preference still count where nothing was measured: AlpacaEval predicts them too.
            frame = frame.reset_index(drop=True)
            metrics = glm_winrate.get_length_controlled_winrate(
                frame,
                glm_name=variant,
                glm_info=info,
                save_weights_dir=None,
                is_add_glm_preference_inplace=False,
                is_warn_extreme_changes=False,
            )
        finally:
            glm_winrate.fit_LogisticRegressionCV = fit
    model = fitted[0]
    return {
        "win_rate": plain(metrics["length_controlled_winrate"]),
        "standard_error": plain(metrics["lc_standard_error"]),
        "coefficients": [float(each) for each in model.coef_[0]],
        "c": float(model.C_[0]),
    }


PREFERENCES = {
    "hard": [1, 2, 2, 1.5, 2, 1, 1, 2],
    "soft": [1.0312, 1.75, 1.5, 1.4999, 1.25, 1.97, 1.6],
    "unscored": [2, None, 1, 1.5, None, 2],
    "one": [2],
}

INSTRUCTIONS = [
    "Name three colours.",
    "Name three colours",
    "Write a haiku about rain on a tin roof.",
    "What is 17 times 3?",
    "Übersetze „Guten Morgen“ ins Englische.",
    "用一句话介绍长城。",
    "Explain the joke: 🙂🙃",
    "",
    "a" * 200,
] + [f"List {n} things to take on a walk." for n in range(2, 26)]

cases = []
for name, pairs, table in (
    ("hard", make_pairs(1, 40, 0.3), make_table(5, 40)),
    ("soft", make_pairs(2, 61, -0.7), make_table(6, 61)),
    ("unscored", make_pairs(3, 47, 0.0, unscored=(0, 11, 30)), make_table(7, 47)),
):
    cases.append(
        {
            "name": name,
            "pairs": pairs,
            "table": table,
            "expected": {
                variant: {
                    "liblinear": length_controlled(pairs, table, variant),
                    "converged": length_controlled(pairs, table, variant, tol=1e-12, max_iter=1_000_000),
                }
                for variant in glm_winrate.GLM_INFO
            },
        }
    )

switch = processors.RandomSwitchTwoColumnsProcessor(
    two_columns_to_switch=["output_1", "output_2"],
    random_seed_columns=["instruction"],
    _switch_column="is_switched_outputs",
    seed=0,
)
shown = switch.preprocess(pd.DataFrame([{"instruction": i, "output_1": "1", "output_2": "2"} for i in INSTRUCTIONS]))

golden = {
    "win_rates": [
        {
            "name": name,
            "preferences": preferences,
            "expected": plain(winrate.get_winrate([{"preference": p} for p in preferences])),
        }
        for name, preferences in PREFERENCES.items()
    ],
    "length_controlled": cases,
    "order": [
        {"instruction": i, "switched": bool(s)} for i, s in zip(shown["instruction"], shown["is_switched_outputs"])
    ],
}
out = Path(__file__).parent / "alpaca.json"
out.write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")

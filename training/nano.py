#!/usr/bin/env python3
"""From recorded outcomes to the nano conductor.

    python training/nano.py --data DIR --out FOLDER [--small] [--seed N]

DIR holds tasks.jsonl and outcomes.csv; the oldest `--before` tasks are learned from. FOLDER gets tokenizer.json, model.pt and report.json, of which
`export.py` makes the GGUF. --small takes nine minutes on two cores and shows that everything works; without it, it takes minutes on a GPU."""

import argparse
import json
import os
import pathlib
import time

import numpy as np
import torch

import environment
import grpo
import supervised
import tokens
from model import Nano, Shape
from recorded import Replay, read

# US dollars that a solved task is worth, as `mini` has it.
WORTH = 0.5


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=pathlib.Path, required=True)
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    arguments.add_argument("--before", type=int, default=400)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--small", action="store_true")
    arguments.add_argument("--steps", type=int, help="of the supervised start")
    arguments.add_argument("--iterations", type=int, help="of GRPO")
    arguments.add_argument("--seconds", type=float, nargs=2, default=(1e9, 1e9), help="after which each of the two ends")
    arguments.add_argument("--start", type=pathlib.Path, help="weights of an earlier supervised start; there is no other then")
    arguments.add_argument("--tokenizer", type=pathlib.Path, help="a tokenizer.json that is there")
    given = arguments.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    started = time.time()
    say = lambda *words: print(f"[{time.time() - started:.0f} s]", *words, flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(given.seed)
    torch.set_float32_matmul_precision("high")
    shape = Shape(layers=2) if given.small else Shape()
    steps = given.steps or (250 if given.small else 4000)
    size = 32 if given.small else 512
    iterations = given.iterations if given.iterations is not None else (8 if given.small else 300)
    questions, group = (8, 8) if given.small else (64, 32)
    replay = Replay(read(given.data, given.before), WORTH)
    file = given.out / "tokenizer.json"
    if given.tokenizer:
        file.write_text(given.tokenizer.read_text())
    else:
        tokens.save(tokens.learn(given.seed, replay, shape.vocabulary), file)
    tokenizer = tokens.load(file)
    say(f"{tokenizer.get_vocab_size()} tokens")
    model = Nano(shape)
    weights = sum(weight.numel() for weight in model.parameters())
    say(f"{weights / 1e6:.1f} million weights on {device}")
    report = {"weights": weights, "batch": size, "seed": given.seed, "device": device}
    if given.start:
        model.load_state_dict(torch.load(given.start, weights_only=True))
        model.to(device)
    else:
        # The processes that make examples are forks of this one, from before anything runs on the GPU.
        feed = supervised.batches(file, replay, given.seed, size, steps, max(1, (os.cpu_count() or 2) - 1))
        model.to(device)
        report["steps"] = supervised.train(model, feed, steps, given.seconds[0], 2e-3, device, say)
    report["supervised"] = measured(model, tokenizer, replay, given.seed)
    say("after the supervised start", report["supervised"])
    save(model, given.out / "supervised.pt")
    report["grpo"] = grpo.train(
        model, tokenizer, replay, given.seed, iterations, questions, group, 3e-5, device, given.seconds[1], say
    )
    report["trained"] = measured(model, tokenizer, replay, given.seed)
    say("after GRPO", report["trained"])
    save(model, given.out / "model.pt")
    report["wall_seconds"] = time.time() - started
    (given.out / "report.json").write_text(json.dumps(report, indent=1))
    say("done")


def save(model: Nano, path: pathlib.Path) -> None:
    """The weights, in half the space."""
    torch.save({name: value.half().cpu() for name, value in model.state_dict().items()}, path)


def measured(model: Nano, tokenizer, replay: Replay, seed: int, count: int = 2048) -> dict:
    """How the likeliest plans do on questions of the training tasks that were never asked, beside those that search found."""
    found = {}
    for name, source in (("made_up", None), ("recorded", replay)):
        dice = np.random.default_rng((seed, 99))
        cases = [environment.case(dice, source, "tests") for _ in range(count if torch.cuda.is_available() else 128)]
        device = model.embedding.weight.device.type
        with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
            plans = model.write([tokenizer.encode(case.text).ids for case in cases], grpo.LONGEST, tokens.end(tokenizer), 0.0)
        texts = tokenizer.decode_batch(plans, skip_special_tokens=True)
        figures = grpo.shown(cases, texts, np.array([case.reward(text) for case, text in zip(cases, texts)]), 1)
        searched = [environment.shown_plan(case) for case in cases]
        figures["reward_of_search"] = float(np.mean([case.reward(text) for case, text in zip(cases, searched)]))
        figures["as_search"] = float(np.mean([text == other for text, other in zip(texts, searched)]))
        found[name] = {key: round(value, 4) for key, value in figures.items()}
    return found


if __name__ == "__main__":
    main()

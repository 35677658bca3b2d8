#!/usr/bin/env python3
"""The Conductor's recipe (arXiv 2512.04388) for a model of seven billion weights, with TRL: the nano's environment and reward, the
question that Baton puts to any generative model.

    python training/grpo_7b.py --data DIR --model NAME_OR_FOLDER --out FOLDER [--steps N]

The paper's figures are the defaults: 200 iterations of 4 questions with 64 plans each, temperature 1, no pull towards the start, a
rate of 1e-6. FOLDER gets a model for llama.cpp's convert_hf_to_gguf.py. Needs trl, transformers, datasets and jinja2."""

import argparse
import pathlib

import jinja2
import numpy as np
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

import environment
from environment import Case
from nano import WORTH
from recorded import Replay, read

TEMPLATES = pathlib.Path(__file__).parent.parent / "server/src/conductor/ultra"
# Tokens of one change, by which a call's price becomes one a million tokens.
TOKENS = 900


def line(case: Case, worker: int) -> str:
    """A worker as `ultra/sheet.rs` shows it."""
    kind = case.world.kinds[worker]
    usd = float(case.world.costs[worker]) * WORTH * 1e6 / TOKENS
    price = f"${usd / 5:.2f} in and ${usd:.2f} out per million tokens" if usd > 0 else "free"
    what = {
        "model": "context 128000 tokens",
        "repair": "no model: it searches for small repairs until the failing tests pass",
        "tools": "no model: it applies the fixes that the language's own tools know",
    }[kind]
    return f"strength {100 * case.world.shown()[worker]:.0f} %, no similar task recorded, {price}, {what}"


def messages(case: Case) -> list[dict]:
    """The conversation, of the server's own templates."""
    environment_ = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    examples = [example.rstrip() for example in (TEMPLATES / "examples.txt").read_text().split("---\n")]
    fill = lambda name, **values: environment_.from_string((TEMPLATES / name).read_text()).render(**values)
    refused = ", ".join(map(str, case.question.failed))
    before = {"reply": "", "report": f"The answers of workers {refused} were refused."} if refused else None
    system = fill("system.txt", max_steps=case.question.max_steps, examples=examples)
    workers = [line(case, worker) for worker in range(len(case.question.workers))]
    user = fill("user.txt", workers=workers, description=case.question.description.strip(), before=before, problem=None)
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]


def cases(seed: int, count: int, replay: Replay | None) -> list[Case]:
    """Questions: two of three from the recording."""
    dice = np.random.default_rng(seed)
    return [environment.case(dice, replay if dice.random() < 2 / 3 else None, "tests") for _ in range(count)]


def rewarded(asked: list[Case]):
    """TRL's reward: what each completion is worth; column `case` says whose it is."""

    def reward(completions, case, **_) -> list[float]:
        texts = [completion[-1]["content"] for completion in completions]
        # A model may think before it answers: its plan stands at the end.
        ends = [text[text.rfind('{"steps"') :] if '{"steps"' in text else text for text in texts]
        return [asked[at].reward(end.strip()) for at, end in zip(case, ends)]

    return reward


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=pathlib.Path, required=True)
    arguments.add_argument("--model", required=True)
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    arguments.add_argument("--before", type=int, default=400)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--steps", type=int, default=200)
    arguments.add_argument("--questions", type=int, default=4)
    arguments.add_argument("--group", type=int, default=64)
    arguments.add_argument("--longest", type=int, default=1024, help="tokens of a plan at most")
    given = arguments.parse_args()
    asked = cases(given.seed, given.steps * given.questions, Replay(read(given.data, given.before), WORTH))
    rows = [{"prompt": messages(case), "case": at} for at, case in enumerate(asked)]
    options = GRPOConfig(
        output_dir=str(given.out),
        seed=given.seed,
        max_steps=given.steps,
        per_device_train_batch_size=given.questions * given.group,
        num_generations=given.group,
        max_completion_length=given.longest,
        temperature=1.0,
        beta=0.0,
        learning_rate=1e-6,
        report_to=[],
        logging_steps=1,
        save_strategy="no",
    )
    trainer = GRPOTrainer(
        model=given.model, reward_funcs=rewarded(asked), args=options, train_dataset=Dataset.from_list(rows)
    )
    trainer.train()
    trainer.save_model(str(given.out))


if __name__ == "__main__":
    main()

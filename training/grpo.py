"""Group-relative policy optimisation (arXiv 2402.03300) as the Conductor's authors use it (arXiv 2512.04388): plans are drawn at
temperature 1, rewards are normalised within a question's group, nothing pulls the policy back to where it began."""

import time

import numpy as np
import torch
import torch.nn.functional as F

import environment
import tokens
from environment import Case
from model import Nano
from recorded import Replay

# Tokens of a plan at most.
LONGEST = 200


def drawn(dice: np.random.Generator, count: int, replay: Replay | None) -> list[Case]:
    """Questions: two of three from the recording, judged by its verifier `tests`."""
    return [environment.case(dice, replay if dice.random() < 2 / 3 else None, "tests") for _ in range(count)]


def train(
    model: Nano, tokenizer, replay: Replay | None, seed: int, iterations: int, questions: int, group: int, rate: float, device: str, seconds: float, say=print
) -> list[dict]:
    """Iterations, at most so many `seconds`. What each showed: reward, share of valid plans, mean steps, entropy of steps and of the
    place of the first worker among the chances, so that a collapse is seen."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.0)
    dice, chance = np.random.default_rng((seed, 7)), torch.Generator(device).manual_seed(seed)
    end, history, started = tokens.end(tokenizer), [], time.time()
    for iteration in range(iterations):
        if time.time() - started > seconds:
            break
        cases = drawn(dice, questions, replay)
        prompts = [ids for ids in (tokenizer.encode(case.text).ids for case in cases) for _ in range(group)]
        with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
            plans = model.write(prompts, LONGEST, end, 1.0, chance)
        # The pieces of a plan are tokens that are not special: decoding keeps them.
        texts = tokenizer.decode_batch(plans, skip_special_tokens=True)
        rewards = np.array([cases[at // group].reward(text) for at, text in enumerate(texts)]).reshape(-1, group)
        spread = rewards.std(1, keepdims=True)
        advantages = ((rewards - rewards.mean(1, keepdims=True)) / (spread + 1e-4)).reshape(-1)
        optimizer.zero_grad(set_to_none=True)
        telling = [at for at in range(len(prompts)) if spread[at // group, 0] > 1e-6]
        written = sum(len(plans[at]) + 1 for at in telling)
        for part in range(0, len(telling), 512):
            some = telling[part : part + 512]
            loss = surrogate(model, [(prompts[at], plans[at] + [end]) for at in some], advantages[some], end, device)
            (loss / max(1, written)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        history.append(shown(cases, texts, rewards, group) | {"iteration": iteration, "seconds": time.time() - started})
        if iteration % max(1, iterations // 20) == 0:
            say("grpo", {key: round(value, 3) for key, value in history[-1].items()})
    return history


def surrogate(model: Nano, pairs: list, advantages: np.ndarray, end: int, device: str) -> torch.Tensor:
    """The sum over the tokens of plans of what each was worth, as a loss whose slope is the policy's."""
    size = max(len(question) + len(plan) for question, plan in pairs)
    rows = torch.full((len(pairs), size), end)
    counted = torch.zeros((len(pairs), size))
    for at, (question, plan) in enumerate(pairs):
        rows[at, : len(question) + len(plan)] = torch.tensor(question + plan)
        counted[at, len(question) : len(question) + len(plan)] = float(advantages[at])
    rows, counted = rows.to(device), counted.to(device)
    with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
        odds = model(rows[:, :-1])
    losses = F.cross_entropy(odds.float().flatten(0, 1), rows[:, 1:].flatten(), reduction="none")
    return (losses * counted[:, 1:].flatten()).sum()


def entropy(values: list) -> float:
    """In nats."""
    shares = np.unique(values, return_counts=True)[1] / max(1, len(values))
    return float(-(shares * np.log(shares)).sum())


def shown(cases: list[Case], texts: list[str], rewards: np.ndarray, group: int) -> dict:
    """Figures that tell a collapse."""
    steps, firsts, valid = [], [], 0
    for at, text in enumerate(texts):
        case = cases[at // group]
        plan = case.read(text)
        if plan is None:
            continue
        valid += 1
        steps.append(len(plan))
        if plan:
            order = np.argsort(-case.world.shown(), kind="stable").tolist()
            firsts.append(order.index(plan[0].worker))
    return {
        "reward": float(rewards.mean()),
        "valid": valid / len(texts),
        "steps": float(np.mean(steps)) if steps else 0.0,
        "entropy_steps": entropy(steps),
        "entropy_first": entropy(firsts),
    }

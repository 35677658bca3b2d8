"""The supervised start: the nano imitates the workflows that search found, on questions that never come twice."""

import math
import multiprocessing
import pathlib
import time
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F

import environment
import tokens
from model import Nano
from recorded import VERIFIERS, Replay

# What reading the question counts beside writing the plan.
READING = 0.05
# Longer examples are left out.
LONGEST = 320

_made_with: tuple = ()


def _prepare(tokenizer: pathlib.Path, replay: Replay | None, seed: int) -> None:
    global _made_with
    _made_with = (tokens.load(tokenizer), replay, seed)


def batch(numbered: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Batch number so-and-so of so many examples: tokens, and for each how much it counts. A third comes of the recording."""
    number, size = numbered
    tokenizer, replay, seed = _made_with
    dice = np.random.default_rng((seed, number))
    end = tokens.end(tokenizer)
    rows, weights = np.full((size, LONGEST), end, dtype=np.int64), np.zeros((size, LONGEST), dtype=np.float32)
    at = 0
    while at < size:
        case = environment.case(dice, replay if dice.random() < 1 / 3 else None, VERIFIERS[int(dice.integers(4))])
        question = tokenizer.encode(case.text).ids
        answer = tokenizer.encode(environment.shown_plan(case)).ids + [end]
        whole = question + answer
        if len(whole) <= LONGEST:
            rows[at, : len(whole)] = whole
            weights[at, : len(question)] = READING
            weights[at, len(question) : len(whole)] = 1
            at += 1
    return rows, weights


def batches(tokenizer: pathlib.Path, replay: Replay | None, seed: int, size: int, steps: int, processes: int) -> Iterator:
    """All batches, in order, whatever the number of processes."""
    pool = multiprocessing.get_context("fork").Pool(processes, _prepare, (tokenizer, replay, seed))
    made = pool.imap(batch, [(number, size) for number in range(steps)])

    def one_by_one():
        with pool:
            yield from made

    return one_by_one()


def train(model: Nano, feed: Iterator, steps: int, seconds: float, rate: float, device: str, say=print) -> int:
    """So many steps of AdamW with a warm start and a cosine's end, or as many as `seconds` allow; how many they were."""
    decayed = [weight for weight in model.parameters() if weight.dim() > 1]
    others = [weight for weight in model.parameters() if weight.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95), fused=device == "cuda")
    forward = torch.compile(model) if device == "cuda" else model
    started = time.time()
    for step, (rows, weights) in enumerate(feed):
        gone = max(step / steps, (time.time() - started) / seconds)
        if gone >= 1:
            break
        now = rate * min((step + 1) / max(1, steps // 20), 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * gone)))
        for group in optimizer.param_groups:
            group["lr"] = now
        rows, weights = torch.from_numpy(rows).to(device), torch.from_numpy(weights).to(device)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
            odds = forward(rows[:, :-1])
        losses = F.cross_entropy(odds.float().flatten(0, 1), rows[:, 1:].flatten(), reduction="none")
        counted = weights[:, 1:].flatten()
        loss = (losses * counted).sum() / counted.sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % max(1, steps // 20) == 0 or step + 1 == steps:
            plans = counted == 1
            say(f"supervised {step + 1}/{steps}: {losses[plans].mean().item():.4f} a token of a plan, {time.time() - started:.0f} s")
    return step + 1

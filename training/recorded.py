"""Worlds of recorded outcomes: `tasks.jsonl` and `outcomes.csv`, as `baton eval` reads them. Of what a plan's maker sees, the
chances are those of a value model that was fitted to other tasks, with what a task's words tell of its difficulty as uncertain as it is."""

import csv
import json
import pathlib
from dataclasses import dataclass

import numpy as np

from world import DEVIATIONS, LIKELY, World

VERIFIERS = ("perfect", "tests", "judge", "samples")
# Steps, rate and the weights that draw difficulties to 0, sharpnesses to 1.
STEPS, RATE, DIFFICULTY, SHARPNESS, SKILL = 600, 0.05, 1.0, 4.0, 0.05
FOLDS = 5


@dataclass
class Recording:
    """By task, then by worker: `solved`, `costs` in US dollars, and of each verifier what it `accepted`."""

    texts: list[str]
    kinds: list[str]
    workers: list[str]
    solved: np.ndarray
    costs: np.ndarray
    accepted: dict[str, np.ndarray]


def read(folder: pathlib.Path, before: int) -> Recording:
    """The oldest tasks of a folder, those that every worker was given."""
    tasks = [json.loads(line) for line in open(folder / "tasks.jsonl") if line.strip()][:before]
    rows = {(row["task"], row["worker"]): row for row in csv.DictReader(open(folder / "outcomes.csv"))}
    workers = sorted({worker for _, worker in rows})
    tasks = [task for task in tasks if all((task["id"], worker) in rows for worker in workers)]

    def column(name: str) -> np.ndarray:
        return np.array([[float(rows[task["id"], worker][name]) for worker in workers] for task in tasks])

    return Recording(
        [task["text"] for task in tasks],
        [task["kind"] for task in tasks],
        workers,
        column("solved") > 0,
        column("cost_usd"),
        {verifier: column(f"accept_{verifier}") > 0 for verifier in VERIFIERS},
    )


def explain(solved: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Skills and sharpnesses of workers and difficulties of tasks that explain who solved what."""
    tasks, workers = solved.shape
    skills, sharp, hard = np.zeros(workers), np.ones(workers), np.zeros(tasks)
    numbers = [hard, skills, sharp]
    means = [np.zeros_like(part) for part in numbers]
    squares = [np.zeros_like(part) for part in numbers]
    for step in range(1, STEPS + 1):
        gap = skills - hard[:, None]
        wrong = 1 / (1 + np.exp(-sharp * gap)) - solved
        slopes = [
            -(wrong * sharp).sum(1) + DIFFICULTY * hard,
            (wrong * sharp).sum(0) + SKILL * skills,
            (wrong * gap).sum(0) + SHARPNESS * (sharp - 1),
        ]
        for part, slope, mean, square in zip(numbers, slopes, means, squares):
            mean += 0.1 * (slope - mean)
            square += 0.001 * (slope**2 - square)
            part -= RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-9)
        np.maximum(sharp, 0.05, out=sharp)
    return skills, sharp, hard


class Replay:
    """Worlds of a recording's tasks. `worth`: US dollars that a solved task is worth."""

    def __init__(self, recording: Recording, worth: float):
        self.recording, self.worth = recording, worth
        tasks = len(recording.texts)
        self.folds = np.arange(tasks) % FOLDS
        # A task's chances come of a model that never saw the task.
        self.models = [explain(recording.solved[self.folds != fold]) for fold in range(FOLDS)]
        self.hard = explain(recording.solved)[2]
        means = {name: bits.astype(float) for name, bits in recording.accepted.items()}
        solved = recording.solved
        self.rates = {name: (bits[solved].mean(), bits[~solved].mean()) for name, bits in means.items()}

    def world(self, dice: np.random.Generator, task: int, verifier: str) -> World:
        """A task with some of the workers, in any order."""
        size = int(dice.integers(2, 9))
        pool = dice.permutation(len(self.recording.workers))[:size]
        skills, sharp, _ = self.models[self.folds[task]]
        spread = self.hard.std()
        told = dice.uniform(0, 0.4)
        mean = told * self.hard[task] + dice.normal(0, spread * np.sqrt(told * (1 - told)))
        places = mean + spread * np.sqrt(1 - told) * DEVIATIONS
        chances = 1 / (1 + np.exp(-sharp[pool, None] * (skills[pool, None] - places)))
        usual = self.recording.costs.mean(0)[pool]
        # Prices differ from pool to pool: all of them by the same factor.
        costs = np.minimum(usual / self.worth * 2.0 ** dice.uniform(-3, 1), 1.0)
        return World(
            chances,
            LIKELY.copy(),
            costs,
            ["model"] * size,
            self.rates[verifier],
            self.recording.solved[task, pool],
            self.recording.accepted[verifier][task, pool],
        )

"""Worlds in which a plan can be tried: workers of two numbers each, a task of one difficulty of which something is believed, a
verifier that errs. `recorded.py` makes such worlds of recorded outcomes, `drawn` out of nothing."""

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

# Places at which a difficulty may lie, in standard deviations about what is believed, and how likely each is.
DEVIATIONS = np.linspace(-3, 3, 25)
LIKELY = np.exp(-0.5 * DEVIATIONS**2) / np.exp(-0.5 * DEVIATIONS**2).sum()
# What a call costs beside its money, in shares of what a solved task is worth: somebody waits.
WAITING = 0.01
# A second answer of a worker that failed is worth less than another's first.
AGAIN = 0.5
# Workers of the longest sequences that are searched whole; what follows is added one by one.
WHOLE = 3


@dataclass
class World:
    """`chances`: by worker, then by place, that the worker solves the task; `likely`: of each place; `costs`: in shares of what a
    solved task is worth; `accepts`: shares of right and of wrong answers that the verifier accepts; `solved` and `accepted`:
    what is so, by worker, known to nobody who plans."""

    chances: np.ndarray
    likely: np.ndarray
    costs: np.ndarray
    kinds: list[str]
    accepts: tuple[float, float]
    solved: np.ndarray
    accepted: np.ndarray

    def shown(self) -> np.ndarray:
        """Each worker's chance, as it is believed."""
        return self.chances @ self.likely

    def refuse(self, worker: int) -> None:
        """The verifier refused this worker's answer: the task is harder than it looked, for this worker most."""
        right, wrong = self.accepts
        chance = self.chances[worker]
        likely = self.likely * (chance * (1 - right) + (1 - chance) * (1 - wrong))
        if likely.sum() > 0:
            self.likely = likely / likely.sum()
        self.chances = self.chances.copy()
        self.chances[worker] *= AGAIN
        self.solved = self.solved.copy()
        self.accepted = self.accepted.copy()
        self.solved[worker] = False
        self.accepted[worker] = False

    def values(self, sequences: np.ndarray) -> np.ndarray:
        """What sequences of workers (one a row, of equal length) are worth, each worker asked once those before were refused: the
        chance that a right answer is accepted, less what is paid for it."""
        right, wrong = self.accepts
        reached = np.broadcast_to(self.likely, (len(sequences), len(self.likely)))
        worth = np.zeros(len(sequences))
        for column in sequences.T:
            chance = self.chances[column]
            worth = worth + (reached * (chance * right - (self.costs[column] + WAITING)[:, None])).sum(1)
            reached = reached * (1 - chance * right - (1 - chance) * wrong)
        return worth


@lru_cache(maxsize=None)
def sequences(workers: int, length: int) -> np.ndarray:
    """All sequences of so many of the workers, none twice."""
    return np.array(list(itertools.permutations(range(workers), length)), dtype=int).reshape(-1, length)


def never_last(chances: np.ndarray) -> set[int]:
    """The workers that must not have the last step: the weakest, unless all are alike."""
    chances = np.round(chances, 9)
    low = chances.min()
    return {int(at) for at in np.flatnonzero(chances <= low)} if low < chances.max() else set()


def best_sequence(world: World, max_steps: int) -> list[int]:
    """Whom to ask, one after the other, for the most worth; nobody where nothing is worth its cost."""
    weakest = never_last(world.shown())
    best, best_worth = [], 0.0
    for length in range(1, min(WHOLE, max_steps, len(world.costs)) + 1):
        tried = sequences(len(world.costs), length)
        tried = tried[~np.isin(tried[:, -1], list(weakest))]
        if len(tried):
            worth = world.values(tried)
            at = int(worth.argmax())
            # A step must earn its place.
            if worth[at] > best_worth + 1e-3:
                best, best_worth = tried[at].tolist(), float(worth[at])
    while len(best) == WHOLE or WHOLE < len(best) < max_steps:
        others = [at for at in range(len(world.costs)) if at not in best and at not in weakest]
        if not others or len(best) >= max_steps:
            break
        tried = np.array([best + [other] for other in others])
        worth = world.values(tried)
        at = int(worth.argmax())
        if worth[at] <= best_worth + 1e-3:
            break
        best, best_worth = tried[at].tolist(), float(worth[at])
    return best


def best_alone(world: World, among: list[int]) -> int:
    """The worker with the most to gain where there is one answer only."""
    gains = world.shown() - world.costs - WAITING
    return max(among, key=lambda at: (gains[at], -at))


def drawn(dice: np.random.Generator, judged: bool, repair: bool) -> World:
    """A world out of nothing: two to eight workers, dearer ones mostly stronger; `repair`: whether built-ins may be among them."""
    workers = int(dice.integers(1, 9))
    skills = dice.normal(0.3, 1.3, workers)
    sharpness = dice.lognormal(0.2, 0.4, workers)
    costs = 2.0 ** (-8 + 1.6 * skills + dice.normal(0, 2.2, workers) + dice.normal(0, 1.5))
    costs = np.minimum(costs, 1.0)
    costs[dice.random(workers) < 0.08] = 0
    kinds = ["model"] * workers
    for kind in ("repair", "tools"):
        if repair and dice.random() < 0.35:
            at = int(dice.integers(workers))
            kinds[at], costs[at], skills[at] = kind, 0.0, dice.normal(-0.8, 1)
    spread = dice.uniform(0.6, 2.0)
    # What the task's words tell of its difficulty: little.
    told = dice.uniform(0, 0.7)
    truth = dice.normal(0, spread)
    mean, error = told * truth + dice.normal(0, spread * np.sqrt(told * (1 - told))), spread * np.sqrt(1 - told)
    chances = 1 / (1 + np.exp(-sharpness[:, None] * (skills[:, None] - (mean + error * DEVIATIONS))))
    accepts = (dice.uniform(0.85, 1.0), dice.beta(1, 6)) if judged else (1.0, 1.0)
    solved = dice.random(workers) < 1 / (1 + np.exp(-sharpness * (skills - truth)))
    accepted = dice.random(workers) < np.where(solved, *accepts)
    return World(chances, LIKELY.copy(), costs, kinds, accepts, solved, accepted)

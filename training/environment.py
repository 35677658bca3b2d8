"""Questions with a world behind each, and what a plan for one is worth."""

from dataclasses import dataclass

import numpy as np

import expert
import plan
import tasks
from question import Question, Shown, written
from recorded import Replay
from world import WAITING, World, drawn, never_last

# A penalty as large as a wrong answer's for spending what a solved task is worth.
MONEY = 1.0


@dataclass
class Case:
    """A question, the world behind it, and how the user wishes that it is done."""

    question: Question
    world: World
    wish: str | None
    text: str

    def read(self, text: str) -> list[plan.Step] | None:
        """The plan in a text, if it keeps to the rules."""
        question = self.question
        weakest = never_last(self.world.shown())
        return plan.read(text, len(question.workers), question.max_steps, weakest, bool(question.failed))

    def reward(self, text: str) -> float:
        """0 for what is no plan, 0.5 for one whose answer is wrong, 1 for a right one (arXiv 2512.04388), less its cost in shares of what
        a solved task is worth, halved as a wrong answer is. One that does not do what the user wished of how it is done is wrong."""
        steps = self.read(text)
        if steps is None:
            return 0.0
        right, cost = self.outcome(steps)
        if steps and not expert.follows(steps, self.wish, self.world.kinds, self.question.max_steps):
            right = False
        return 0.5 + 0.5 * right - min(0.5 * MONEY * cost, 0.5)

    def outcome(self, steps: list[plan.Step]) -> tuple[bool, float]:
        """Whether the answer is right, and what the steps cost. Steps that see nothing run at once; the first answer that is
        accepted ends the rest; a model's second answer is its first."""
        world, cost, tried = self.world, 0.0, set()
        judged = self.question.judged
        right = False
        at = 0
        while at < len(steps):
            # Those that do not see what was before begin together.
            wave = [steps[at]]
            while at + len(wave) < len(steps) and not steps[at + len(wave)].sees:
                wave.append(steps[at + len(wave)])
            for step in wave:
                cost += float(world.costs[step.worker]) + WAITING
            for step in wave:
                if step.role != "worker":
                    continue
                fresh = step.worker not in tried
                tried.add(step.worker)
                if not judged:
                    right = bool(world.solved[step.worker])
                elif fresh and world.accepted[step.worker]:
                    return bool(world.solved[step.worker]), cost
            at += len(wave)
        return right, cost


def case(dice: np.random.Generator, replay: Replay | None, verifier: str) -> Case:
    """A case out of nothing, or of a recording."""
    wish = list(tasks.WISHES)[int(dice.integers(len(tasks.WISHES)))] if dice.random() < 0.2 else None
    if replay is None:
        goal = ("fix", "edit", "refactor", "ask")[int(dice.choice(4, p=(0.5, 0.2, 0.15, 0.15)))]
        judged = goal != "ask" and dice.random() < 0.8
        world = drawn(dice, judged, goal == "fix" and judged)
        description = tasks.described(dice, goal, wish)
    else:
        task = int(dice.integers(len(replay.recording.texts)))
        goal, judged = {"fix": "fix", "write": "edit"}[replay.recording.kinds[task]], True
        world = replay.world(dice, task, verifier)
        text = replay.recording.texts[task]
        description = f"{tasks.OPENINGS[goal]} {tasks.wished(dice, text, wish) if wish else text}\n"
    max_steps = 5 if dice.random() < 0.7 else int(dice.integers(1, 6))
    failed = expert.refused(dice, world) if judged and dice.random() < 0.3 else []
    shown = zip(world.shown(), world.costs, world.kinds)
    workers = [Shown(float(chance), float(cost), kind) for chance, cost, kind in shown]
    wrongly = world.accepts[1] if judged else 0.0
    question = Question(goal, workers, description, judged, float(wrongly), max_steps, failed)
    return Case(question, world, wish, written(question))


def shown_plan(case: Case) -> str:
    """What the supervised start imitates."""
    question = case.question
    steps = expert.workflow(case.world, question.goal, question.judged, case.wish, question.max_steps, question.failed)
    return plan.written(steps)

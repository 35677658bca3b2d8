"""Good workflows, found by search in a world that is known: what the supervised start imitates."""

import numpy as np

from plan import Step
from world import World, best_alone, best_sequence, never_last

FIRST = {
    "fix": "Fix it with the smallest change that makes the failing tests pass.",
    "edit": "Make the change that is asked for, and no other.",
    "refactor": "Change how the code is written as asked; what it does must stay the same.",
    "ask": "Answer the question.",
}
AGAIN = "What was tried before was refused; read why, and make the change in another way."
AGAIN_ASKED = "The answers before were not accepted; answer the question in another way."
ALONE = "Do it on your own, without regard to other attempts, with the smallest change."
THINK = {
    "fix": "Find out what causes it and say which lines must change and how; write no code yet.",
    "edit": "Say what must change where, and what could break; write no code yet.",
    "refactor": "Say which steps lead there and what must stay the same; write no code yet.",
    "ask": "Collect what in the code bears on the question; do not answer it yet.",
}
THOUGHT = {
    "fix": "Fix it as was found before, with the smallest change that makes the failing tests pass.",
    "edit": "Make the change as was thought out before, and no other.",
    "refactor": "Change the code as was thought out before; what it does must stay the same.",
    "ask": "Answer the question from what was collected.",
}
REVIEW = "Judge what was done: say what is wrong or missing, and in which lines."
REVIEWED = {
    "ask": "Answer the question once more, without what was found wrong.",
    "fix": "Make the change once more, without what was found wrong.",
    "edit": "Make the change once more, without what was found wrong.",
    "refactor": "Make the change once more, without what was found wrong.",
}


def chain(goal: str, workers: list[int], again: bool) -> list[Step]:
    """One after the other; `again`: whether answers were refused before."""
    steps = []
    for worker in workers:
        later = AGAIN_ASKED if goal == "ask" else AGAIN
        first = not steps and not again
        steps.append(Step(worker, "worker", FIRST[goal] if first else later, not first))
    return steps


def workflow(world: World, goal: str, judged: bool, wish: str | None, max_steps: int, failed: list[int]) -> list[Step]:
    """The best workflow that search finds; without steps where nothing more is worth its cost, which only follows a failure."""
    models = [at for at, kind in enumerate(world.kinds) if kind == "model"]
    shown, weakest = world.shown(), never_last(world.shown())
    able = [at for at in range(len(shown)) if at not in weakest]
    again = bool(failed)
    if judged and goal != "ask":
        order = best_sequence(world, max_steps)
    else:
        order = [best_alone(world, able)]
    if not order and again:
        return []
    order = order or [best_alone(world, able)]
    strongest = sorted(models, key=lambda at: (-shown[at], at))
    steps = chain(goal, order, again)
    if wish == "once":
        alone = best_alone(world, able)
        return chain(goal, [alone], again)
    if wish == "think" and models and max_steps >= 2:
        thinker = next((at for at in strongest if at != order[0]), strongest[0])
        steps = [Step(thinker, "thinker", THINK[goal], again), *steps]
        steps[1] = Step(order[0], "worker", THOUGHT[goal], True)
        if len(steps) > max_steps:
            steps = steps[:max_steps]
    if wish == "review" and models and max_steps >= 3:
        first = strongest[0] if strongest[0] not in weakest else able[0]
        judge = next((at for at in strongest if at != first), first)
        steps = chain(goal, [first], again)
        steps += [Step(judge, "verifier", REVIEW, True), Step(first, "worker", REVIEWED[goal], True)]
    if wish == "twice" and len(models) > 1 and max_steps >= 2:
        pair = strongest[:2]
        if pair[1] in weakest:
            pair.reverse()
        if pair[1] not in weakest:
            steps = [Step(at, "worker", ALONE, False) for at in pair]
    # Who may not have the last step does not get it because a wish moved him there, or the steps are too many.
    if steps[-1].worker in weakest:
        last = steps[-1]
        steps[-1] = Step(best_alone(world, able), last.role, last.subtask, last.sees)
    return steps


def follows(steps: list[Step], wish: str | None, kinds: list[str], max_steps: int) -> bool:
    """Whether a workflow does what the user wished of how it is done, as far as these workers and steps allow it."""
    models = kinds.count("model")
    roles = [step.role for step in steps]
    attempts = [step for step in steps if step.role == "worker"]
    match wish:
        case "once":
            return len(steps) == 1
        case "think" if models and max_steps >= 2:
            return roles[0] == "thinker" and kinds[steps[0].worker] == "model" and steps[-1].sees
        case "review" if models and max_steps >= 3:
            at = roles.index("verifier") if "verifier" in roles else 0
            return at > 0 and roles[0] == "worker" and kinds[steps[at].worker] == "model" and steps[at].sees and steps[-1].sees
        case "twice" if models > 1 and max_steps >= 2:
            return len(attempts) >= 2 and not any(step.sees for step in attempts) and len({s.worker for s in attempts}) >= 2
    # Without a wish there is nothing to think aloud about or to judge: nothing recorded says that it helps.
    return all(role == "worker" for role in roles)


def refused(dice: np.random.Generator, world: World) -> list[int]:
    """Some workers whose answers the verifier refused before, in order; the world knows it then."""
    failed = []
    for _ in range(int(dice.integers(1, 4))):
        candidates = [at for at in range(len(world.costs)) if not world.accepted[at]]
        if not candidates:
            break
        # Cheap ones are asked earlier.
        at = candidates[int(dice.integers(len(candidates)))] if dice.random() < 0.5 else min(
            candidates, key=lambda at: world.costs[at]
        )
        failed.append(at)
        world.refuse(at)
    return failed

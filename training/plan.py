"""Plans as text, as `server/src/workflow/wire.rs` reads and `server/src/conductor/ultra/grammar.rs` allows them."""

import json
from dataclasses import dataclass

ROLES = ("worker", "thinker", "verifier")
# Characters of a subtask, as the grammar has it.
SUBTASK = range(4, 242)

# Pieces of every plan. Each is one token: a plan of one step is some twenty tokens then.
PIECES = (
    '{"steps":[{"worker":',
    ',{"worker":',
    *(f',"role":"{role}","subtask":"' for role in ROLES),
    '","access":"none"}',
    '","access":"all"}',
    "]}",
    '{"steps":[]}',
)


@dataclass(frozen=True)
class Step:
    """One delegation; `sees`: whether it sees the steps before it."""

    worker: int
    role: str
    subtask: str
    sees: bool


def written(steps: list[Step]) -> str:
    """The plan's text, without blanks."""
    whole = [
        {"worker": s.worker, "role": s.role, "subtask": s.subtask, "access": "all" if s.sees else "none"} for s in steps
    ]
    return json.dumps({"steps": whole}, separators=(",", ":"), ensure_ascii=False)


def read(text: str, workers: int, max_steps: int, never_last: set[int], accept: bool) -> list[Step] | None:
    """The steps of a plan that keeps to every rule; `None` otherwise. `accept`: whether a plan without steps is one."""
    try:
        plan = json.loads(text)
        if set(plan) != {"steps"} or len(plan["steps"]) > max_steps or not (plan["steps"] or accept):
            return None
        steps = []
        for step in plan["steps"]:
            if set(step) != {"worker", "role", "subtask", "access"} or step["role"] not in ROLES:
                return None
            known = type(step["worker"]) is int and 0 <= step["worker"] < workers and step["access"] in ("all", "none")
            if not known or len(step["subtask"]) not in SUBTASK:
                return None
            steps.append(Step(step["worker"], step["role"], step["subtask"], step["access"] == "all"))
    except (ValueError, TypeError, KeyError):
        return None
    if steps and (steps[-1].role != "worker" or steps[-1].worker in never_last):
        return None
    return steps

"""The question that the nano conductor is asked, as text. `server/src/conductor/ultra/brief.rs` renders the same; `questions.jsonl`
holds both to it."""

import math
import re
from dataclasses import dataclass, field

# Bytes of the task's description that are shown.
DESCRIPTION = 320
# Cost levels: 99 is what a solved task is worth, each halving takes 8.
TOP, HALVING = 99, 8


@dataclass
class Shown:
    """A worker as it is shown: its chance (0 to 1), its cost in shares of what a solved task is worth, and what it is."""

    chance: float
    cost: float
    kind: str = "model"


@dataclass
class Question:
    """What is to be planned. `failed` holds the numbers of workers whose answers were refused, in order."""

    goal: str
    workers: list[Shown]
    description: str
    judged: bool = True
    wrongly_accepted: float = 0.05
    max_steps: int = 5
    failed: list[int] = field(default_factory=list)


def level(cost: float) -> int:
    """A cost as two digits."""
    if cost <= 0:
        return 0
    return int(min(max(math.floor(TOP + HALVING * math.log2(cost) + 0.5), 1), TOP))


def percent(share: float) -> int:
    """A share as two digits."""
    return int(min(max(math.floor(share * 100 + 0.5), 0), 99))


def cut(text: str, size: int) -> str:
    """The first bytes of a text, in whole characters, every run of white space one blank."""
    text = re.sub(r"[ \t\r\n]+", " ", text).strip(" ")
    return text.encode()[:size].decode(errors="ignore").rstrip(" ")


def written(question: Question) -> str:
    """The question's text, which the plan follows."""
    judge = f"tests v{percent(question.wrongly_accepted):02d}" if question.judged else "unjudged"
    lines = [f"{question.goal} {judge} m{question.max_steps}"]
    for number, worker in enumerate(question.workers):
        lines.append(f"{number} {worker.kind} p{percent(worker.chance):02d} c{level(worker.cost):02d}")
    if question.failed:
        lines.append(" ".join(["failed", *map(str, question.failed)]))
    return "\n".join(lines) + f"\n\n{cut(question.description, DESCRIPTION)}\n\nplan\n"

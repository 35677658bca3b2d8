#!/usr/bin/env python3
"""Whether llama.cpp, as Baton runs it, writes what the trainer writes.

    python training/check.py FOLDER BATON

FOLDER is what `nano.py` and `export.py` made, BATON the program. Greedy plans for questions that were never asked are compared, text
for text, for both files; and how long Baton takes for one."""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import environment
import export
import grpo
import tokens

QUESTIONS = 64


class Host:
    """Baton's child process with a model in it."""

    def __init__(self, baton: str, model: pathlib.Path, cache: str):
        self.process = subprocess.Popen([baton, "conductor-host"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.number = 0
        self.ask(op="load_generator", model=str(model.resolve()), context=1024, cache_dir=cache)

    def ask(self, **request) -> dict:
        """The answer to a request, signs of life left out."""
        self.number += 1
        self.process.stdin.write(json.dumps({"id": self.number, **request}) + "\n")
        self.process.stdin.flush()
        while True:
            reply = json.loads(self.process.stdout.readline())
            if reply["reply"] == "failed":
                sys.exit(reply["message"])
            if reply["reply"] not in ("reading", "piece"):
                return reply

    def write(self, question: str) -> dict:
        """The likeliest plan."""
        messages = [{"role": "user", "content": question}]
        return self.ask(
            op="write", messages=messages, fixed=0, grammar=None, temperature=0.0, seed=0, max_tokens=grpo.LONGEST
        )

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, baton = pathlib.Path(sys.argv[1]), sys.argv[2]
    model, tokenizer = export.load(folder), tokens.load(folder / "tokenizer.json")
    dice = np.random.default_rng(12345)
    cases = [environment.case(dice, None, "tests") for _ in range(QUESTIONS)]
    ids = [tokenizer.encode(case.text).ids for case in cases]
    ours = tokenizer.decode_batch(model.write(ids, grpo.LONGEST, tokens.end(tokenizer), 0.0), skip_special_tokens=True)
    for name in ("whole.gguf", "baton-conductor-nano.gguf"):
        with tempfile.TemporaryDirectory() as cache:
            host = Host(baton, folder / name, cache)
            replies = [host.write(case.text) for case in cases]
            host.close()
        read = sum(reply["tokens_in"] == len(question) for reply, question in zip(replies, ids))
        same = sum(reply["text"] == text for reply, text in zip(replies, ours))
        spent = sorted(reply["ms"] for reply in replies)
        print(f"{name}: {read} of {QUESTIONS} questions are as many tokens, {same} of {QUESTIONS} plans are the same;", end=" ")
        print(f"{spent[QUESTIONS // 2]:.0f} ms a plan, {spent[-1]:.0f} ms the longest")
        for reply, text in [pair for pair in zip(replies, ours) if pair[0]["text"] != pair[1]][:2]:
            print("  trainer:", text, "\n  llama.cpp:", reply["text"])


if __name__ == "__main__":
    main()

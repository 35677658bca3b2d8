"""The nano's own byte-pair encoding: GPT-2's way of cutting text, learned on what it will read and write, with the pieces of a plan as
tokens of their own."""

import pathlib

import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

import environment
import plan
from recorded import Replay

END = "<|end|>"
VOCABULARY = 4096
# Texts that it is learned on.
TEXTS = 20_000


def learn(seed: int, replay: Replay | None, vocabulary: int = VOCABULARY, texts: int = TEXTS) -> Tokenizer:
    """Learns it from questions and plans as they are made for training."""
    dice = np.random.default_rng(seed)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()

    def corpus():
        for at in range(texts):
            case = environment.case(dice, replay if at % 2 else None, "tests")
            yield case.text
            yield from (step.subtask for step in case.read(environment.shown_plan(case)) or [])

    pieces = [AddedToken(piece, normalized=False, special=False) for piece in plan.PIECES]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(pieces) - 1,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.add_special_tokens([AddedToken(END, normalized=False, special=True)])
    tokenizer.add_tokens(pieces)
    return tokenizer


def save(tokenizer: Tokenizer, path: pathlib.Path) -> None:
    """As Hugging Face's JSON."""
    tokenizer.save(str(path))


def load(path: pathlib.Path) -> Tokenizer:
    """Of that JSON."""
    return Tokenizer.from_file(str(path))


def end(tokenizer: Tokenizer) -> int:
    """The number of the token that ends a plan."""
    return tokenizer.token_to_id(END)

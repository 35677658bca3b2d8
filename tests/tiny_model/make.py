#!/usr/bin/env python3
"""Writes a generative GGUF with random weights, for tests and measurements.

    make.py OUT            0.3 MB, byte-level vocabulary, writes letters, quotes and ends soon
    make.py OUT --half-b   530 MB, Q8_0, shaped like a model of 0.5 billion parameters with 152k tokens

The same bytes each time: a file that is there already and equal is not touched.
"""

import itertools
import os
import random
import struct
import sys

U32, F32, BOOL, STRING, ARRAY, I32 = 4, 6, 7, 8, 9, 5
TYPE_F32, TYPE_F16, TYPE_Q8 = 0, 1, 8
CONTROL, NORMAL = 3, 1
ALIGNMENT = 32
# Words of prompts, so that these have fewer tokens than letters.
WORDS = """
the and for that with from what each more than where how say before them step steps task worker workers plan access
none strength solved similar tasks recorded free context tokens in out per million reply role answer strongest test tests
write is of it to you a one where not all sees subtask replies two three which checks
"""
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def byte_letters():
    """The letter that stands for each byte in a byte-level vocabulary (GPT-2)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, spare = {byte: chr(byte) for byte in plain}, 256
    for byte in range(256):
        if byte not in letters:
            letters[byte] = chr(spare)
            spare += 1
    return [letters[byte] for byte in range(256)]


def string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def value(kind, content):
    if kind == STRING:
        return string(content)
    if kind == ARRAY:
        of, items = content
        return struct.pack("<IQ", of, len(items)) + b"".join(value(of, item) for item in items)
    return struct.pack({U32: "<I", F32: "<f", BOOL: "<?", I32: "<i"}[kind], content)


class Gguf:
    """Metadata and tensors, written in the order in which they were added."""

    def __init__(self, arch):
        self.keys, self.tensors, self.arch = [], [], arch
        self.set("general.architecture", STRING, arch)

    def set(self, key, kind, content):
        self.keys.append(string(key) + struct.pack("<I", kind) + value(kind, content))

    def of_arch(self, key, kind, content):
        self.set(f"{self.arch}.{key}", kind, content)

    def tensor(self, name, shape, kind, chunks, size):
        """`shape` with the length of a row first; `chunks`: an iterable of `size` bytes in all."""
        self.tensors.append((name, shape, kind, chunks, size))

    def chunks(self):
        yield b"GGUF" + struct.pack("<IQQ", 3, len(self.tensors), len(self.keys))
        head = b"".join(self.keys)
        at = 0
        for name, shape, kind, _, size in self.tensors:
            head += string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, at)
            at += size + -size % ALIGNMENT
        yield head
        yield bytes(-(24 + len(head)) % ALIGNMENT)
        for _, _, _, chunks, size in self.tensors:
            yield from chunks
            yield bytes(-size % ALIGNMENT)


def vocabulary(gguf, pre, tokens, merges, controls):
    gguf.set("tokenizer.ggml.model", STRING, "gpt2")
    gguf.set("tokenizer.ggml.pre", STRING, pre)
    gguf.set("tokenizer.ggml.tokens", ARRAY, (STRING, tokens))
    kinds = [CONTROL if token in controls else NORMAL for token in tokens]
    gguf.set("tokenizer.ggml.token_type", ARRAY, (I32, kinds))
    gguf.set("tokenizer.ggml.merges", ARRAY, (STRING, merges))
    gguf.set("tokenizer.ggml.bos_token_id", U32, tokens.index(controls[0]))
    gguf.set("tokenizer.ggml.eos_token_id", U32, tokens.index(controls[1]))
    gguf.set("tokenizer.ggml.eot_token_id", U32, tokens.index(controls[1]))
    gguf.set("tokenizer.ggml.add_bos_token", BOOL, False)
    gguf.set("tokenizer.chat_template", STRING, TEMPLATE)


def shape(gguf, width, layers, heads, kv_heads, hidden, context):
    gguf.of_arch("context_length", U32, context)
    gguf.of_arch("embedding_length", U32, width)
    gguf.of_arch("block_count", U32, layers)
    gguf.of_arch("feed_forward_length", U32, hidden)
    gguf.of_arch("attention.head_count", U32, heads)
    gguf.of_arch("attention.head_count_kv", U32, kv_heads)
    gguf.of_arch("attention.layer_norm_rms_epsilon", F32, 1e-5)
    gguf.of_arch("rope.freq_base", F32, 1e4)


def tiny():
    """A llama whose first number of every hidden state is the same, so that a column of the output acts as a bias."""
    width, layers, heads, kv_heads, hidden = 64, 2, 4, 2, 128
    rng = random.Random(7)
    letters = byte_letters()
    merges, made = [], []
    for word in WORDS.split():
        # Letter by letter: every beginning of a word is a token too.
        piece = "Ġ"
        for letter in word:
            if piece + letter not in made:
                made.append(piece + letter)
                merges.append(f"{piece} {letter}")
            piece += letter
    tokens = letters + made + ['{"', '":', '","', '"}', "}]}"]
    controls = ["<|bos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    tokens += controls

    def bias(token):
        if token == "<|end|>":
            return 5.0
        if token in controls:
            return -4.0
        if token.isascii() and token.isalpha() or token[0] == "Ġ":
            return 3.0 if len(token) == 1 else 1.5
        if token == '"':
            return 4.5
        return 1.0 if token.isascii() else -2.0

    gguf = Gguf("llama")
    gguf.set("general.name", STRING, "tiny")
    shape(gguf, width, layers, heads, kv_heads, hidden, 32_768)
    gguf.of_arch("rope.dimension_count", U32, width // heads)
    gguf.of_arch("vocab_size", U32, len(tokens))
    vocabulary(gguf, "gpt-2", tokens, merges, controls)

    def matrix(name, row, rows, scale, first=None):
        numbers = [rng.gauss(0, scale) for _ in range(row * rows)]
        for at, number in enumerate(first or []):
            numbers[at * row] = number
        gguf.tensor(name, (row, rows), TYPE_F16, [struct.pack(f"<{len(numbers)}e", *numbers)], 2 * len(numbers))

    def norm(name):
        gguf.tensor(name, (width,), TYPE_F32, [struct.pack("<f", 1.0) * width], 4 * width)

    matrix("token_embd.weight", width, len(tokens), 1.0, [8.0] * len(tokens))
    norm("output_norm.weight")
    matrix("output.weight", width, len(tokens), 0.18, [bias(token) / 5.0 for token in tokens])
    for layer in range(layers):
        block = f"blk.{layer}."
        norm(block + "attn_norm.weight")
        norm(block + "ffn_norm.weight")
        for name, row, rows in [
            ("attn_q", width, width),
            ("attn_k", width, width * kv_heads // heads),
            ("attn_v", width, width * kv_heads // heads),
            ("attn_output", width, width),
            ("ffn_gate", width, hidden),
            ("ffn_up", width, hidden),
            ("ffn_down", hidden, width),
        ]:
            matrix(f"{block}{name}.weight", row, rows, 0.08)
    return gguf


def half_b():
    """The shape alone matters: its weights are one random block again and again."""
    width, layers, heads, kv_heads, hidden, size = 896, 24, 14, 2, 4864, 151_936
    rng = random.Random(7)
    tokens, seen = byte_letters(), set(byte_letters())
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_{}[]\":,.();=+-*/<>"
    controls = ["<|bos|>", "<|end|>"]
    while len(tokens) < size - len(controls):
        token = "Ġ" * (rng.random() < 0.4) + "".join(rng.choices(letters, k=rng.randint(2, 8)))
        if token not in seen:
            seen.add(token)
            tokens.append(token)
    gguf = Gguf("qwen2")
    gguf.set("general.name", STRING, "half-b")
    shape(gguf, width, layers, heads, kv_heads, hidden, 32_768)
    gguf.of_arch("vocab_size", U32, size)
    vocabulary(gguf, "qwen2", tokens + controls, ["t h"], controls)
    # A block of Q8_0: the scale, and 32 numbers of a byte.
    block = b"".join(struct.pack("<e", 0.0004) + rng.randbytes(32) for _ in range(8192))

    def matrix(name, row, rows):
        bytes_ = row * rows // 32 * 34
        from_ = rng.randrange(len(block) // 34) * 34
        turned = block[from_:] + block[:from_]
        whole, rest = divmod(bytes_, len(turned))
        gguf.tensor(
            name, (row, rows), TYPE_Q8, itertools.chain(itertools.repeat(turned, whole), [turned[:rest]]), bytes_
        )

    def vector(name, length, number):
        gguf.tensor(name, (length,), TYPE_F32, [struct.pack("<f", number) * length], 4 * length)

    matrix("token_embd.weight", width, size)
    vector("output_norm.weight", width, 1.0)
    narrow = width * kv_heads // heads
    for layer in range(layers):
        at = f"blk.{layer}."
        vector(at + "attn_norm.weight", width, 1.0)
        vector(at + "ffn_norm.weight", width, 1.0)
        for name, row, rows in [("attn_q", width, width), ("attn_k", width, narrow), ("attn_v", width, narrow)]:
            matrix(f"{at}{name}.weight", row, rows)
            vector(f"{at}{name}.bias", rows, 0.0)
        for name, row, rows in [
            ("attn_output", width, width),
            ("ffn_gate", width, hidden),
            ("ffn_up", width, hidden),
            ("ffn_down", hidden, width),
        ]:
            matrix(f"{at}{name}.weight", row, rows)
    return gguf


def same(path, chunks):
    """Whether the file consists of these bytes."""
    try:
        with open(path, "rb") as file:
            return all(file.read(len(chunk)) == chunk for chunk in chunks) and not file.read(1)
    except FileNotFoundError:
        return False


def main():
    out, make = sys.argv[1], half_b if "--half-b" in sys.argv[2:] else tiny
    if same(out, make().chunks()):
        return
    os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
    # Written beside and renamed: another process sees the whole file or none.
    part = f"{out}.{os.getpid()}"
    with open(part, "wb") as file:
        file.writelines(make().chunks())
    os.replace(part, out)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The nano as a GGUF that llama.cpp reads: architecture `llama`, matrices Q8_0 (or F32), all else F32.

    python training/export.py FOLDER

FOLDER is what `nano.py` made; it gets baton-conductor-nano.gguf, and whole.gguf, which is not quantised."""

import json
import pathlib
import sys

import gguf
import numpy as np
import torch

import plan
import tokens
from model import Nano, Shape

# A question is one message, and stands as it is.
TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"
NAMES = {
    "attention_norm": "attn_norm",
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "o": "attn_output",
    "network_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}


def name_of(weight: str) -> str:
    """llama.cpp's name of one of the model's weights."""
    if weight == "embedding.weight":
        return "token_embd.weight"
    if weight == "norm.weight":
        return "output_norm.weight"
    _, layer, part, _ = weight.split(".")
    return f"blk.{layer}.{NAMES[part]}.weight"


def load(folder: pathlib.Path) -> Nano:
    """The model that was trained into this folder."""
    weights = torch.load(folder / "model.pt", map_location="cpu", weights_only=True)
    layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("layers."))
    vocabulary, width = weights["embedding.weight"].shape
    model = Nano(Shape(vocabulary=vocabulary, layers=layers, width=width))
    model.load_state_dict({name: value.float() for name, value in weights.items()})
    return model.eval()


def export(model: Nano, tokenizer_file: pathlib.Path, out: pathlib.Path, name: str, whole: bool) -> None:
    """Writes the file; `whole`: without quantising, to be compared with the trainer."""
    shape: Shape = model.shape
    writer = gguf.GGUFWriter(str(out), "llama")
    writer.add_name(name)
    writer.add_author("the authors of Baton")
    writer.add_license("Apache-2.0 OR MIT")
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_rope_dimension_count(shape.head)
    writer.add_rope_freq_base(shape.theta)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32 if whole else gguf.LlamaFileType.MOSTLY_Q8_0)
    vocabulary(writer, tokenizer_file, shape.vocabulary)
    for weight, values in model.state_dict().items():
        values = values.detach().to(torch.float32).cpu().numpy()
        if values.ndim > 1 and not whole:
            q8 = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name_of(weight), gguf.quants.quantize(values, q8), raw_dtype=q8)
        else:
            writer.add_tensor(name_of(weight), np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def vocabulary(writer: gguf.GGUFWriter, tokenizer_file: pathlib.Path, size: int) -> None:
    """The tokens, their kinds, the merges."""
    tokenizer = tokens.load(tokenizer_file)
    known = {number: text for text, number in tokenizer.get_vocab(with_added_tokens=True).items()}
    texts, kinds = [], []
    for number in range(size):
        text = known.get(number, f"<|unused{number}|>")
        texts.append(text)
        if text == tokens.END or number not in known:
            kinds.append(gguf.TokenType.CONTROL)
        else:
            kinds.append(gguf.TokenType.USER_DEFINED if text in plan.PIECES else gguf.TokenType.NORMAL)
    merges = json.loads(tokenizer_file.read_text())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(texts)
    writer.add_token_types(kinds)
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    end = tokens.end(tokenizer)
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    writer.add_eot_token_id(end)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    model = load(folder)
    for whole, name in ((False, "baton-conductor-nano.gguf"), (True, "whole.gguf")):
        export(model, folder / "tokenizer.json", folder / name, "baton-conductor-nano", whole)


if __name__ == "__main__":
    main()

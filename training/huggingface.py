#!/usr/bin/env python3
"""The nano as Hugging Face's transformers read it, for recipes that start from such a folder.

    python training/huggingface.py FOLDER OUT

FOLDER is what `nano.py` made."""

import pathlib
import sys

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import export
import tokens

NAMES = {
    "attention_norm": "input_layernorm",
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "network_norm": "post_attention_layernorm",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}


def halves(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of each head with the first of every pair before the second: transformers turn halves, not neighbours."""
    rows, width = weight.shape
    return weight.view(heads, rows // heads // 2, 2, width).transpose(1, 2).reshape(rows, width)


def converted(folder: pathlib.Path) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """The model and its tokenizer."""
    nano = export.load(folder)
    shape = nano.shape
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokens.load(folder / "tokenizer.json"), eos_token=tokens.END, pad_token=tokens.END
    )
    tokenizer.chat_template = export.TEMPLATE
    end = tokenizer.eos_token_id
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.context,
        rms_norm_eps=shape.epsilon,
        rope_theta=shape.theta,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=end,
    )
    model = LlamaForCausalLM(config)
    weights = {"model.embed_tokens.weight": nano.embedding.weight, "model.norm.weight": nano.norm.weight}
    for name, weight in nano.state_dict().items():
        if name.startswith("layers."):
            _, layer, part, _ = name.split(".")
            weights[f"model.layers.{layer}.{NAMES[part]}.weight"] = halves(weight, shape.heads) if part in "qk" else weight
    weights["lm_head.weight"] = nano.embedding.weight
    model.load_state_dict(weights)
    return model.eval(), tokenizer


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    model, tokenizer = converted(pathlib.Path(sys.argv[1]))
    model.save_pretrained(sys.argv[2])
    tokenizer.save_pretrained(sys.argv[2])


if __name__ == "__main__":
    main()

"""A small LLaMA: rotary positions on neighbouring pairs as llama.cpp's architecture `llama` has them, tied embeddings."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Shape:
    """Sizes; `width` and `hidden` are multiples of 256, so that rows can be quantised."""

    vocabulary: int = 4096
    context: int = 1024
    layers: int = 8
    width: int = 256
    hidden: int = 768
    heads: int = 4
    theta: float = 10_000.0
    epsilon: float = 1e-5

    @property
    def head(self) -> int:
        """The width of a head."""
        return self.width // self.heads


class Norm(nn.Module):
    """Root mean square."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape.width))
        self.epsilon = shape.epsilon

    def forward(self, x):
        y = x.float()
        y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return y.type_as(x) * self.weight.type_as(x)


def turned(x, cos, sin):
    """Rotates the neighbouring pairs of each head; `x`: batch, heads, tokens, head."""
    a, b = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2).type_as(x)


class Layer(nn.Module):
    """Attention and the gated network."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.attention_norm, self.network_norm = Norm(shape), Norm(shape)
        width, hidden = shape.width, shape.hidden
        self.q, self.k, self.v, self.o = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.gate, self.up = (nn.Linear(width, hidden, bias=False) for _ in range(2))
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x, cos, sin, mask, kept, at):
        """`kept`: keys and values of what was read, to be written at place `at`; `mask`: which of them are seen."""
        y = self.attention_norm(x)
        split = lambda z: z.unflatten(-1, (self.shape.heads, self.shape.head)).transpose(1, 2)
        q, k, v = turned(split(self.q(y)), cos, sin), turned(split(self.k(y)), cos, sin), split(self.v(y))
        if kept is None:
            z = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            keys, values = kept
            keys[:, :, at : at + k.shape[2]] = k
            values[:, :, at : at + k.shape[2]] = v
            seen = at + k.shape[2]
            z = F.scaled_dot_product_attention(q, keys[:, :, :seen], values[:, :, :seen], attn_mask=mask)
        x = x + self.o(z.transpose(1, 2).flatten(-2))
        y = self.network_norm(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Nano(nn.Module):
    """Numbers of tokens in, odds of the next ones out."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = Norm(shape)
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                deep = name.endswith(("o.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / (2 * shape.layers) ** 0.5 if deep else 0.02)
        angles = torch.outer(
            torch.arange(shape.context).float(), shape.theta ** (-torch.arange(0, shape.head, 2).float() / shape.head)
        )
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def hidden(self, tokens, mask=None, kept=None, at=0):
        """The last layer's states; `tokens`: batch, tokens."""
        x = self.embedding(tokens)
        cos, sin = self.cos[at : at + tokens.shape[1]], self.sin[at : at + tokens.shape[1]]
        for number, layer in enumerate(self.layers):
            x = layer(x, cos, sin, mask, None if kept is None else kept[number], at)
        return self.norm(x)

    def forward(self, tokens):
        """Odds, before they are made to sum to 1: batch, tokens, vocabulary."""
        return F.linear(self.hidden(tokens), self.embedding.weight)

    @torch.no_grad()
    def write(self, prompts: list[list[int]], longest: int, end: int, temperature: float, dice=None) -> list[list[int]]:
        """What follows each prompt, at most `longest` tokens, the end left out; temperature 0 takes the likeliest."""
        device = self.embedding.weight.device
        size = max(map(len, prompts))
        rows = torch.full((len(prompts), size), end, device=device)
        real = torch.ones((len(prompts), size + longest), dtype=torch.bool, device=device)
        for row, prompt in enumerate(prompts):
            # What is read stands at the right: positions only count from each other.
            rows[row, size - len(prompt) :] = torch.tensor(prompt, device=device)
            real[row, : size - len(prompt)] = False
        dtype = self.layers[0].q.weight.dtype
        if torch.is_autocast_enabled(device.type):
            dtype = torch.get_autocast_dtype(device.type)
        place = lambda: torch.zeros(
            (len(prompts), self.shape.heads, size + longest, self.shape.head), device=device, dtype=dtype
        )
        kept = [(place(), place()) for _ in self.layers]
        causal = torch.ones((size, size), dtype=torch.bool, device=device).tril()
        mask = (causal & real[:, None, None, :size]) | torch.eye(size, dtype=torch.bool, device=device)
        state = self.hidden(rows, mask, kept, 0)[:, -1]
        out, done = [], torch.zeros(len(prompts), dtype=torch.bool, device=device)
        for step in range(longest):
            odds = F.linear(state, self.embedding.weight).float()
            if temperature > 0:
                token = torch.multinomial((odds / temperature).softmax(-1), 1, generator=dice)[:, 0]
            else:
                token = odds.argmax(-1)
            token = torch.where(done, end, token)
            out.append(token)
            done = done | (token == end)
            if step % 8 == 7 and bool(done.all()):
                break
            at = size + step
            state = self.hidden(token[:, None], real[:, None, None, : at + 1], kept, at)[:, -1]
        written = torch.stack(out, 1).tolist()
        return [row[: row.index(end)] if end in row else row for row in written]

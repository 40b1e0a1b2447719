"""A language model of GPT-2's kind with 10.7 million parameters."""

from transformers import GPT2Config, GPT2LMHeadModel


def make(vocabulary=128, length=128, width=384, depth=6):
    """Tokens (n, positions) to logits (n, positions, vocabulary)."""
    sizes = {"vocab_size": vocabulary, "n_positions": length, "n_embd": width, "n_layer": depth, "n_head": 6}
    config = GPT2Config(**sizes, use_cache=False, bos_token_id=None, eos_token_id=None)
    return GPT2LMHeadModel(config)

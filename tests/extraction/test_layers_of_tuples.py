"""Layers that return tuples and dicts, as recurrent layers, attention and the blocks of Hugging Face's models do."""

import numpy as np
import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel

from drillcore import get_intermediate_outputs
from drillcore.frameworks.torch import observe

TOKENS = torch.randint(0, 30, (4, 7), generator=torch.Generator().manual_seed(0))
SMALL = {"vocab_size": 30, "bos_token_id": 0, "eos_token_id": 0}


class Sequences(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.lstm = nn.Embedding(30, 6), nn.LSTM(6, 4, 2, batch_first=True, bidirectional=True)
        self.gru, self.attention = nn.GRU(8, 8, batch_first=True), nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, tokens):
        self.features, _ = self.gru(self.lstm(self.embed(tokens))[0])
        features, self.weights = self.attention(self.features, self.features, self.features)
        return self.head(features[:, -1])


def test_recurrent_layers_and_attention_give_their_sequences_and_attention_its_weights():
    torch.manual_seed(0)
    model = Sequences().eval()
    outputs = get_intermediate_outputs(model, TOKENS, ["embed", "lstm", "gru", "attention", "head", "attention[1]"])
    assert {name: array.shape for name, array in outputs.items()} == {
        "embed": (4, 7, 6),
        "lstm": (4, 7, 8),
        "gru": (4, 7, 8),
        "attention": (4, 7, 8),
        "attention[1]": (4, 7, 7),
        "head": (4, 3),
    }
    with torch.no_grad():
        model(TOKENS)
    np.testing.assert_array_equal(outputs["gru"], model.features)
    np.testing.assert_array_equal(outputs["attention[1]"], model.weights)
    said = {layer.name: layer.shape for layer in observe(model, TOKENS).layers}
    assert said["lstm[1][0]"] == "returns an array (4, 2, 4) of 2 samples, not a row for each"


def test_a_batch_of_as_many_samples_as_time_steps_gives_the_same_tensor():
    class TimeFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2)

        def forward(self, features):
            return self.attention(*[features.transpose(0, 1)] * 3)[1]

    features = torch.randn(7, 7, 8)  # 7 samples of 7 time steps
    model = TimeFirst().eval()
    with torch.no_grad():
        weights = model(features)
    np.testing.assert_array_equal(get_intermediate_outputs(model, features)["attention"], weights)


def test_the_blocks_of_a_language_model_are_its_hidden_states():
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(n_positions=16, n_embd=8, n_layer=2, n_head=2, **SMALL)).eval()
    outputs = get_intermediate_outputs(model, TOKENS, batch_size=3)
    blocks = ["transformer.h.0", "transformer.h.1"]
    assert list(outputs) == ["transformer.wte", "transformer.drop", *blocks, "transformer.ln_f", "lm_head"]
    with torch.no_grad():
        whole = model(TOKENS, output_hidden_states=True)
    for name, states in zip(["transformer.drop", blocks[0], "transformer.ln_f"], whole.hidden_states, strict=True):
        np.testing.assert_allclose(outputs[name], states, atol=1e-6)
    np.testing.assert_allclose(outputs["lm_head"], whole.logits, atol=1e-6)


def test_a_classifier_takes_a_mask_by_name_and_gives_the_attention_of_every_head():
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
    model = BertForSequenceClassification(BertConfig(**sizes, **SMALL, attn_implementation="eager")).eval()
    mask = (torch.arange(7) < torch.tensor([[7], [3], [5], [1]])).long()
    inputs = {"input_ids": TOKENS, "attention_mask": mask}
    blocks = get_intermediate_outputs(model, inputs, batch_size=3)
    assert list(blocks)[:3] == ["bert.embeddings", "bert.encoder.layer.0", "bert.encoder.layer.1"]
    attention = get_intermediate_outputs(model, inputs, ["bert.encoder.layer.*.attention[1]"])
    with torch.no_grad():
        whole = model(**inputs, output_attentions=True, output_hidden_states=True)
    for weights, expected in zip(attention.values(), whole.attentions, strict=True):
        np.testing.assert_allclose(weights, expected, atol=1e-6)
    np.testing.assert_allclose(blocks["bert.encoder.layer.1"], whole.hidden_states[-1], atol=1e-6)
    np.testing.assert_allclose(blocks["classifier"], whole.logits, atol=1e-6)


class Named(nn.Module):
    def forward(self, features):
        return {"loss": features.sum(), "hidden": [features, 2 * features], "text": "not a tensor"}


@pytest.mark.parametrize(("layer", "factor"), [("0", 1), ("0[hidden][1]", 2)])
def test_the_first_tensor_with_a_row_for_each_sample_has_the_layer_s_name_and_others_their_place(layer, factor):
    class Sums(nn.Sequential):
        def forward(self, features):
            return self[0](features)["hidden"][0]

    features = torch.randn(5, 4)
    model = Sums(Named())
    np.testing.assert_array_equal(get_intermediate_outputs(model, features, [layer])[layer], factor * features)
    assert [found.name for found in observe(model, features).layers] == ["0", "0[loss]", "0[hidden][1]"]

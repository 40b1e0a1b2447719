"""One tensor of all that a network returns."""

from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification

from drillcore.base.errors import InputError
from stages.rig.torch.answer import answering

INPUTS = torch.randn(5, 4)
Pair = namedtuple("Pair", ["hidden", "logits"])
LATER = {"mean": 2 * INPUTS, "parts": [INPUTS, 3 * INPUTS]}


@dataclass
class Answers:
    hidden: torch.Tensor
    logits: torch.Tensor


class Returning(nn.Module):
    def __init__(self, output):
        super().__init__()
        self.output = output

    def forward(self, inputs):
        return self.output


def answered(model, output=None):
    return answering(model, SimpleNamespace(name="mine", output=output))(INPUTS)


@pytest.mark.parametrize(
    ("returned", "output", "factor"),
    [
        (INPUTS, None, 1),
        ((INPUTS, 2 * INPUTS), None, 1),
        ((INPUTS, 2 * INPUTS), 1, 2),
        ({"loss": INPUTS.sum(), "logits": 4 * INPUTS}, None, 4),
        (LATER, None, 2),
        (LATER, "mean", 2),
        (LATER, "parts[1]", 3),
        ([None, 5 * INPUTS], None, 5),
        ((INPUTS.sum(), 6 * INPUTS), None, 6),
        (Pair(INPUTS, 7 * INPUTS), None, 7),
        (Pair(8 * INPUTS, INPUTS), "hidden", 8),
        (Answers(INPUTS, 9 * INPUTS), None, 9),
        (Answers(2 * INPUTS, INPUTS), "hidden", 2),
    ],
)
def test_the_answer_is_what_is_named_or_the_logits_or_the_first_tensor(returned, output, factor):
    assert torch.equal(answered(Returning(returned), output), factor * INPUTS)


def test_an_answer_that_is_not_there_is_one_sentence():
    with pytest.raises(InputError) as failure:
        answered(Returning(LATER), "logits")
    assert str(failure.value) == (
        "params.yaml: networks.mine.output is 'logits', but the network returns mean, parts[0], parts[1]: name one of them, "
        "or none."
    )


def test_a_classifier_of_transformers_answers_with_its_logits():
    sizes = {
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 8,
        "vocab_size": 9,
    }
    model, tokens = BertForSequenceClassification(BertConfig(**sizes)).eval(), torch.arange(6).reshape(2, 3)
    logits = model(tokens).logits
    assert torch.equal(answering(model, SimpleNamespace(name="mine", output=None))(tokens), logits)

"""Layers put back one by one against weights that are mixed by hand."""

import numpy as np
import pytest
import torch
from torch import nn

import drillcore
from drillcore.base.errors import InputError
from drillcore.frameworks import framework_of
from drillcore.landscape.rewinding import most_frequent, scorer

LAYERS = ["0", "1", "2", "3"]


@pytest.fixture(scope="module")
def trained():
    """A network with batch norm, by epoch its state, and samples with their classes."""
    torch.manual_seed(0)
    block = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6))
    model = nn.Sequential(block, nn.ReLU(), nn.Linear(6, 5), nn.Linear(5, 3))
    inputs, labels = torch.randn(30, 4), torch.randint(3, (30,))
    optimizer, states = torch.optim.SGD(model.parameters(), 0.5), {}
    for epoch in range(3):
        states[epoch] = {name: value.clone() for name, value in model.state_dict().items()}
        for _ in range(4):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs + epoch), labels).backward()
            optimizer.step()
    return model, states, inputs, labels


def score_of(model, inputs, labels):
    with torch.no_grad():
        outputs = model.eval()(inputs)
    return float(nn.functional.cross_entropy(outputs, labels)), float((outputs.argmax(1) == labels).float().mean())


@pytest.fixture(scope="module")
def rewound(trained):
    model, states, inputs, labels = trained
    surface = framework_of(model).surface(model, nn.functional.cross_entropy)
    score = scorer(surface, [(inputs[:20], labels[:20].numpy()), (inputs[20:], labels[20:].numpy())])
    return drillcore.rewind(model, LAYERS, list(states), lambda epoch: model.load_state_dict(states[epoch]), score)


def test_the_model_ends_as_it_was_trained(trained, rewound):
    model, states, *_ = trained
    assert all(torch.equal(value, states[2][name]) for name, value in model.state_dict().items())


def test_layers_without_weights_are_left_out_and_the_last_epoch_changes_nothing(rewound):
    assert rewound.layers == ["0", "2", "3"]
    assert rewound.epochs == [0, 1, 2]
    for name in ("accuracy", "loss"):
        np.testing.assert_array_equal(rewound.scores[name][:, -1], [rewound.whole[name][-1]] * 3)


@pytest.mark.parametrize("epoch", [0, 1])
def test_one_layer_has_all_that_it_had_and_the_others_what_they_have(trained, rewound, epoch):
    model, states, inputs, labels = trained
    running = [name for name in states[0] if "running" in name]
    assert running and not any(torch.equal(states[epoch][name], states[2][name]) for name in running)
    for row, layer in enumerate(rewound.layers):
        mixed = {name: states[epoch if name.startswith(f"{layer}.") else 2][name] for name in states[2]}
        model.load_state_dict(mixed)
        loss, accuracy = score_of(model, inputs, labels)
        assert rewound.scores["loss"][row, epoch] == pytest.approx(loss, rel=1e-5)
        assert rewound.scores["accuracy"][row, epoch] == pytest.approx(accuracy)
    model.load_state_dict(states[2])


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_all_layers_put_back_are_the_network_as_it_was(trained, rewound, epoch):
    model, states, inputs, labels = trained
    framework = framework_of(model)
    model.load_state_dict(states[epoch])
    earlier = {layer: framework.state_of(model, layer) for layer in rewound.layers}
    model.load_state_dict(states[2])
    for layer, state in earlier.items():
        framework.restore_state(model, layer, state)
    loss, accuracy = score_of(model, inputs, labels)
    assert rewound.whole["loss"][epoch] == pytest.approx(loss, rel=1e-5)
    assert rewound.whole["accuracy"][epoch] == pytest.approx(accuracy)
    model.load_state_dict(states[2])


def test_outputs_that_are_not_finite_have_no_accuracy_and_real_targets_none():
    model = nn.Linear(2, 2)
    with torch.no_grad():
        model.weight.fill_(float("nan"))
    inputs = torch.ones(4, 2)
    of_classes = scorer(framework_of(model).surface(model, nn.functional.cross_entropy), [(inputs, np.arange(4) % 2)])
    assert np.isnan([*of_classes().values()]).all()
    targets = np.ones((4, 2), np.float32)
    assert list(scorer(framework_of(model).surface(model, nn.functional.mse_loss), [(inputs, targets)])()) == ["loss"]
    assert np.isnan(most_frequent(targets))
    assert most_frequent(np.array([1, 2, 1, 0])) == 0.5


def test_no_epoch_is_refused():
    with pytest.raises(InputError, match="epochs holds none"):
        drillcore.rewind(nn.Linear(1, 1), [], [], None, None)

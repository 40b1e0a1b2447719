"""Where not all units of a layer are stored, the page says of how many they are."""

import h5py

from drillcore.artifacts.network import Network
from drillcore.report.correlations import units
from stages.rig.base.parameters import dump
from tests.artifacts import write_network
from tests.report.conftest import write_page


def card(**values):
    return Network({"name": "net", "framework": "torch", "input": [32, 32, 3], **values})


def test_a_card_says_how_many_units_its_layers_have():
    assert card(layers=[512, [8, 256]]).sizes() == {"layer1": 512, "layer2": 256}
    convolutions = {"convolutions": [32, 64, 128], "dense": [10]}
    assert card(**convolutions).sizes() == {"conv1": 32768, "conv2": 16384, "conv3": 8192, "dense1": 10}
    built = {"files": {}, "layers": ["conv"], "modules": [["conv", "Conv2d", [4, 5, 6], 9], ["pick", "Pick", None, 0]]}
    assert card(units="flatten", **built).sizes() == {"conv": 120}
    assert card(units="pool", **built).sizes() == {}


def test_the_channels_of_a_token_are_all_units_of_a_layer_of_tokens():
    built = {"files": {}, "modules": [["block", "block", [16, 32], 9], ["pooler", "block", [32], 0]]}
    assert card(units="flatten", **built).sizes() == {"block": 512, "pooler": 32}
    assert card(units={"token": "last"}, **built).sizes() == {"block": 32, "pooler": 32}
    assert card(units="flatten", samples="tokens", **built).sizes() == {"block": 32, "pooler": 32}


def test_the_page_says_of_how_many_units_those_of_a_layer_are(tmp_path, browser):
    folder = write_network(tmp_path, "net", {"layer1": 6, "layer2": 5, "output": 4})
    network = (folder / "network.yaml").read_text()
    (folder / "network.yaml").write_text(network.replace("layers: [6,", "layers: [70,"))
    with h5py.File(folder / "activations.h5", "a") as file:
        for layer, chosen in (("layer1", range(0, 60, 10)), ("output", range(4))):
            file[f"epochs/002/{layer}"].attrs["units"] = list(chosen)
    known, _ = units(folder)
    assert known["subset"] == [True, False, True]
    assert known["all"] == [70, 5, None]
    (tmp_path / "params.yaml").write_text(dump({"data": "sample", "networks": {"net": {}}}))
    browser.open(write_page(tmp_path), "correlations", pair="0,2")
    script = "return [...document.querySelectorAll('#units .xtitle, #units .ytitle')].map(text => text.textContent)"
    assert set(browser.run(script)) == {"6 of 70 units of layer1", "4 of the units of output"}
    assert "Of a large layer a random subset of units is stored." in browser.text("#units figcaption")

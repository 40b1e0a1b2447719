"""Layers and tensors have in the page the names that they have in their framework, whatever their files call them."""

import json

import pytest

from drillcore.report import correlations, embeddings, gradients, signs, similarity, spectra
from drillcore.report.overview import last_ranks
from tests.artifacts import write_network

PARTS = [
    correlations.units,
    correlations.augmentations,
    embeddings.maps,
    gradients.steps,
    signs.snapshots,
    similarity.within,
    spectra.spectra,
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    names = ["/fc1/Gemm", "a%2Fb"]
    tensors = {f"{name}.weight": 12 for name in names}
    root = tmp_path_factory.mktemp("names")
    return write_network(root, "net", dict.fromkeys(names, 3), tensors=tensors, build="my.py:make", epochs=(0, 1))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.__module__.rpartition('.')[2]} {part.__name__}")
def test_the_page_has_the_names_of_the_framework(folder, part):
    meta = json.dumps(part(folder)[0])
    assert "/fc1/Gemm" in meta and "%2Ffc1" not in meta
    assert "a%2Fb" in meta and "%25" not in meta


def test_so_has_the_overview(folder):
    assert [list(found) for found in last_ranks(folder / "svd.h5")] == [["/fc1/Gemm", "a%2Fb"]] * 2

"""Every public function of arrays takes and refuses the same."""

import h5py
import numpy as np
import pytest

import drillcore
from drillcore.base.errors import InputError
from drillcore.similarity.catalogue import MEASURES


def pairwise(measure):
    return lambda X: measure(X, np.eye(40, 4))


def ranked(rank):
    return lambda X: rank(X[0])


def of_layers(function):
    return lambda X: function([X, X])


def of_readout(function):
    return lambda X: function(X, LABELS, X, LABELS, shuffles=1)


def of_ranks(costs):
    agreement = drillcore.rank_agreement(costs, {"rsa": costs})
    return *agreement.correlations.values(), agreement.chance, agreement.p_value


LABELS = np.arange(40) % 2


ACTIVATIONS = {
    **{name: pairwise(getattr(drillcore, name)) for name in [*MEASURES, "minibatch_cka"]},
    **{
        name: of_layers(getattr(drillcore, name))
        for name in ["across_seeds", "minibatch_matrix", "permutation_null", "permuted_linear_cka", "stream_cka"]
    },
    "compute_layerwise_cross_correlation": lambda X: drillcore.compute_layerwise_cross_correlation({"a": X, "b": X}),
    "similarity_matrix": lambda X: drillcore.similarity_matrix({"a": X, "b": X}).values,
    "correlation_matrix": drillcore.correlation_matrix,
    "feature_singular_values": drillcore.feature_singular_values,
    **{name: of_readout(getattr(drillcore, name)) for name in ["linear_probe", "nearest_class_mean"]},
    "null_quantiles": lambda X: drillcore.null_quantiles({"a": X, "b": X}),
    "neural_collapse": lambda X: drillcore.neural_collapse(X, LABELS)[:5],
    "dormant_units": drillcore.dormant_units,
    "two_nn": drillcore.two_nn,
    "embed": drillcore.embed,
    "principal_components": drillcore.principal_components,
}
NUMBERS = {
    **{
        name: ranked(getattr(drillcore, name))
        for name in ["effective_rank", "effective_rank_of_variances", "participation_ratio", "stable_rank"]
    },
    "power_law": ranked(drillcore.power_law),
    "t_interval": ranked(drillcore.t_interval),
    "rank_agreement": ranked(of_ranks),
    "calibrated": lambda X: drillcore.calibrated(X, 0.5),
    "sample_dynamics": lambda X: drillcore.sample_dynamics([X, X], LABELS),
    "sample_errors": lambda X: drillcore.sample_errors([X, X], X),
    "components_explaining": ranked(lambda s: drillcore.components_explaining(s, 0.9)),
    "numerical_rank": ranked(lambda s: drillcore.numerical_rank(s, 0.1)),
    "noise_scale": ranked(lambda norms: drillcore.noise_scale(norms, 0.1)),
    "weight_singular_values": drillcore.weight_singular_values,
    "benjamini_hochberg": drillcore.benjamini_hochberg,
    "q_values_of_pairs": lambda X: drillcore.q_values_of_pairs(X[:5]),
    "layer_means": lambda X: drillcore.layer_means(X[:5], np.array([0, 0, 0, 1, 1])),
}
OTHERS = {
    *("GradientRecorder", "OptimizationInsightCallback", "get_intermediate_outputs", "open", "summarise"),
    *("InputError", "Embedding", "SimilarityMatrix", "figures", "neighbor_recall", "transitions"),
    *("record", "callback", "replay", "replay_instruments", "rewind"),
    *("curvature", "hutchinson", "lanczos"),  # of models and of functions
    "cluster_units",  # of correlations and layers
    "noise_floor",  # of three numbers
}


def parts(values):
    return [part for part in (values if isinstance(values, tuple) else [values]) if not isinstance(part, str)]


def same(a, b):
    flat_a, flat_b = (np.hstack([np.ravel(part) for part in parts(values)]) for values in (a, b))
    np.testing.assert_allclose(flat_a, flat_b, atol=1e-6)


@pytest.fixture(scope="module")
def activations():
    return np.random.default_rng(0).random((40, 5)).astype(np.float32)


def tensor(array):
    return pytest.importorskip("torch").tensor(array, requires_grad=True)


def test_every_public_function_is_tried():
    assert set(ACTIVATIONS) | set(NUMBERS) | OTHERS == set(dir(drillcore))


@pytest.mark.parametrize("name", ACTIVATIONS | NUMBERS)
@pytest.mark.parametrize("form", [np.ndarray.tolist, np.longdouble, tensor], ids=["lists", "long double", "tensor"])
def test_tensors_and_lists_give_what_arrays_do(name, form, activations):
    analyse = (ACTIVATIONS | NUMBERS)[name]
    same(analyse(form(activations)), analyse(activations))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_hdf5_datasets_give_what_arrays_do(name, activations, tmp_path):
    with h5py.File(tmp_path / "layer.h5", "w") as file:
        same(ACTIVATIONS[name](file.create_dataset("layer", data=activations)), ACTIVATIONS[name](activations))


@pytest.mark.parametrize("name", ACTIVATIONS | NUMBERS)
@pytest.mark.parametrize("type_of", [complex, object, str])
def test_what_is_no_real_number_is_refused(name, type_of, activations):
    with pytest.raises(InputError, match="are not real numbers"):
        (ACTIVATIONS | NUMBERS)[name](activations.astype(type_of))


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(), (5,), (5, 3, 2, 2)])
def test_other_axes_are_refused(name, shape):
    with pytest.raises(InputError, match=r"are not \(samples, units\): flatten"):
        ACTIVATIONS[name](np.ones(shape))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_samples_are_refused(name):
    with pytest.raises(InputError, match="have no samples"):
        ACTIVATIONS[name](np.ones((0, 4)))


def test_what_takes_other_shapes_says_which():
    with pytest.raises(InputError, match=r"weights of shape \(2, 3, 4\) are not \(outputs, inputs\)"):
        drillcore.weight_singular_values(np.ones((2, 3, 4)))
    with pytest.raises(InputError, match=r"singular values of shape \(2, 2\) should be one axis"):
        drillcore.effective_rank(np.eye(2))
    with pytest.raises(InputError, match=r"squared norms of shape \(2, 2\) should be one axis"):
        drillcore.noise_scale(np.eye(2), 1.0)
    with pytest.raises(InputError, match="not between the 3 units"):
        drillcore.layer_means(np.eye(2), [0, 0, 1])
    with pytest.raises(InputError, match="different lengths"):
        drillcore.correlation_matrix([[1.0, 2.0], [3.0]])
    with pytest.raises(InputError, match="no layers"):
        drillcore.stream_cka([])


def test_half_precision_of_either_kind_is_taken(activations):
    torch = pytest.importorskip("torch")
    rounded = torch.tensor(activations).bfloat16()
    same(drillcore.feature_singular_values(rounded), drillcore.feature_singular_values(rounded.float().numpy()))
    half = activations.astype(np.float16)
    same(drillcore.feature_singular_values(half), drillcore.feature_singular_values(half.astype(np.float64)))

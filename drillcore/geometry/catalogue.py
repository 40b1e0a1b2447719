"""The measures of a layer's geometry: what each is called, what it is about, and what chance alone gives."""

from typing import NamedTuple


class Measure(NamedTuple):
    """What figures and page call a measure, its axis, its `range` (None where open), what chance is, and what it tells."""

    title: str
    axis: str
    range: tuple[float | None, float | None]
    chance: str
    meaning: str

    def label(self, score: str) -> str:
        """What is along its axis; `score` is the probe's, "accuracy" or "R2"."""
        return self.axis.format(score=score.replace("R2", "R²"))

    def by_chance(self, score: str) -> str:
        """What chance is: of a regression, whose score is "R2", targets are shuffled, not labels."""
        return self.chance.replace("labels", "targets") if score == "R2" else self.chance


SHUFFLED, AT_FIRST = "the same with the training labels shuffled", "none is drawn; compare with before training"
MEASURES = {
    "probe": Measure(
        "Linear probe", "{score} on test samples", (None, 1), SHUFFLED, "How well a linear readout tells the targets."
    ),
    "nearest_mean": Measure(
        "Nearest class mean",
        "accuracy on test samples",
        (0, 1),
        SHUFFLED,
        "How well the nearest class mean tells the class.",
    ),
    "nc1": Measure(
        "NC1: variation within classes",
        "tr(Sw Sb⁺) / K",
        (0, None),
        SHUFFLED,
        "Variation within classes against that between them; 0 where each class is a point.",
    ),
    "nc2_norms": Measure(
        "NC2: unequal lengths of class means",
        "deviation / mean",
        (0, None),
        SHUFFLED,
        "0 where all centred class means are equally long.",
    ),
    "nc2_angles": Measure(
        "NC2: distance from a simplex",
        "mean of |cos + 1 / (K − 1)|",
        (0, None),
        SHUFFLED,
        "0 where every two centred class means are as far apart as K of them can be.",
    ),
    "nc3": Measure(
        "NC3: classifier against class means",
        "distance",
        (0, 2),
        "√2, of unrelated directions",
        "0 where the classifier's weights point along the class means.",
    ),
    "nc4": Measure(
        "NC4: not the nearest class mean",
        "fraction of samples",
        (0, 1),
        "decisions and nearest means unrelated",
        "How often the network decides otherwise than the nearest class mean.",
    ),
    "dimension": Measure(
        "Intrinsic dimension",
        "dimensions",
        (0, None),
        "the same spectrum, each component shuffled",
        "On how many dimensions the samples lie near each sample, by TwoNN.",
    ),
    "dormant": Measure(
        "Dormant units",
        "fraction of all units",
        (0, 1),
        AT_FIRST,
        "Units that hardly answer beside the others of their layer.",
    ),
    "zeros": Measure(
        "Exact zeros", "fraction of all outputs", (0, 1), AT_FIRST, "Outputs that are exactly zero, as behind a ReLU."
    ),
    "revived": Measure(
        "Revived units",
        "fraction of all units",
        (0, 1),
        "as many dormant units, at random",
        "Units that were dormant at the stored epoch before, and are not any more.",
    ),
}
"""By name, in the order in which they are shown."""
WITHOUT_CHANCE = "dormant", "zeros"
"""Those beside which no chance is drawn, but what they were before training."""
COLLAPSE = "nc1", "nc2_norms", "nc2_angles", "nc3", "nc4"

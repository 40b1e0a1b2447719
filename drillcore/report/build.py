"""From artifacts to the page: each topic of each network one block, decoded by the browser only where it is looked at."""

import hashlib
import importlib.metadata
import json
from base64 import b64encode
from html import escape
from pathlib import Path

from drillcore.artifacts.pairs import Pair, pair_files
from drillcore.artifacts.replay import replay_files
from drillcore.extras import require
from drillcore.progress import silent
from drillcore.ranks import EFFECTIVE
from drillcore.report import (
    correlations,
    curvature,
    embeddings,
    geometry,
    gradients,
    overview,
    replays,
    samples,
    signs,
    similarity,
    spectra,
)
from drillcore.report.evidence import ERRORS
from drillcore.report.findings import findings
from drillcore.report.pack import block, looks, packed
from drillcore.report.studies import VIEWS, by_study, studied

PAGE = Path(__file__).parent / "page"
TOPICS = {
    "correlations": (correlations.units, ["correlations.h5", "activations.h5", "network.yaml"]),
    "augmentations": (correlations.augmentations, ["correlations.h5"]),
    "augmented": (correlations.augmented_images, ["augmented.h5", "activations.h5"]),
    "gradients": (gradients.steps, ["gradients.h5"]),
    "signs": (signs.snapshots, ["gradients.h5"]),
    "curvature": (curvature.curvature, ["curvature.h5", "gradients.h5"]),
    "geometry": (geometry.geometry, ["geometry.h5"]),
    "spectra": (spectra.spectra, ["svd.h5"]),
    "maps": (embeddings.maps, ["tsne.h5", "activations.h5"]),
    "probe": (embeddings.probe, ["tsne.h5", "activations.h5", "network.yaml"]),
    "samples": (samples.samples, ["predictions.h5", "activations.h5", "network.yaml"]),
    "similarity": (similarity.within, ["similarity.h5"]),
}
"""By topic: what picks it from a network's folder, and the files it needs there."""
BESIDE = {"geometry": ["svd.h5", "similarity.h5", "rewind.h5"], "probe": ["predictions.h5"]}
"""By topic, the files that it reads too where they are there."""


def build(artifacts, names, provenance, live=False, known=None, progress=silent):
    """The page as bytes, of the networks `names` and of what there is of them in the folder `artifacts`.

    `provenance` is a dict of what made them: `commit`, `changed`, `parameters`, `data`, `python`, `machine`, `versions`.

    `live` shows unfinished trainings. `known` is a dict that keeps blocks from one call to the next, so that only what
    changed is packed again.
    """
    require("report", "The report")
    packer = Packer({} if known is None else known)
    ranks = [[name, rank.of] for name, rank in EFFECTIVE.items()]
    index = {"provenance": provenance, "networks": [], "pairs": {}, "replays": {}, "lines": {}, "ranks": ranks}
    defined = studied(artifacts, names)
    index |= {"findings": [finding._asdict() for finding in findings(defined)], "errors": ERRORS}
    index["by_study"] = {view: [one.card.name for one in by_study(view, defined)] for view in VIEWS}
    for position, name in enumerate(progress(names, "networks")):
        about = overview.network(artifacts, name, live)
        about["colour"] = overview.COLOURS[position % len(overview.COLOURS)]
        topics = [topic for topic in TOPICS if topic != "samples" or samples.answered(artifacts / name)]
        about["blocks"] = {topic: packer.topic(topic, artifacts / name) for topic in topics}
        if about.get("width"):
            layers = about["ranks"]
            index["lines"] |= dict(zip(layers, looks(layers), strict=True))
        index["networks"].append(about)
    for name, path in pair_files(artifacts, names).items():
        with Pair(path) as file:
            titles = file.titles
        index["pairs"][name] = {"block": packer.add(similarity.between, path, [path]), "titles": titles}
    for name, path in replay_files(artifacts).items():
        index["replays"][name] = packer.add(replays.replay, path, [path])
    packer.forget()
    return assemble({"index": block(index, {}), "plotly": library(), **packer.used})


class Packer:
    """Packs what it is asked for, if its files are there; equal blocks are one, and `used` has them by name.

    `known` holds blocks by what they were made of, files and their times.
    """

    def __init__(self, known):
        self.known, self.used, self.asked = known, {}, set()

    def topic(self, topic, folder):
        """The name of the block of a topic of the network in `folder`; None where it has not run."""
        pick, files = TOPICS[topic]
        beside = [folder / file for file in BESIDE.get(topic, ()) if (folder / file).exists()]
        return self.add(pick, folder, [*(folder / file for file in files), *beside])

    def add(self, pick, path, files):
        """The name of the block that `pick` makes of `path`; None where one of the `files` it needs is missing."""
        if not all(file.exists() for file in files):
            return None
        made_of = pick, path, *(file.stat().st_mtime_ns for file in files)
        self.asked.add(made_of)
        if made_of not in self.known:
            self.known[made_of] = block(*pick(path))
        packed = self.known[made_of]
        name = hashlib.sha256(packed).hexdigest()[:16]
        self.used[name] = packed
        return name

    def forget(self):
        """Keep only what was asked for since this packer was made."""
        for made_of in self.known.keys() - self.asked:
            del self.known[made_of]


def library():
    """plotly.js as its package carries it, packed like the data."""
    path = importlib.metadata.distribution("plotly").locate_file("plotly/package_data/plotly.min.js")
    return packed(Path(path).read_bytes())


def assemble(blocks):
    """The page's template with its style, its modules and the `blocks`, all in one file."""
    modules = {
        path.relative_to(PAGE).with_suffix("").as_posix(): "data:text/javascript;base64,"
        + b64encode(path.read_bytes()).decode()
        for path in sorted(PAGE.rglob("*.js"))
    }
    parts = {
        "style": (PAGE / "style.css").read_bytes(),
        "modules": json.dumps({"imports": modules}).encode(),
        "blocks": b"\n".join(
            b'<script type="text/plain" id="block-%s">%s</script>' % (escape(name).encode(), content)
            for name, content in blocks.items()
        ),
    }
    page = (PAGE / "index.html").read_bytes()
    for name, content in parts.items():
        page = page.replace(b"{{%s}}" % name.encode(), content)
    return page

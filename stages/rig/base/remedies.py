"""What to do about a file that is missing or damaged: which stage makes it, and what DVC keeps of it."""

import re
import shlex

from drillcore.base.errors import DamagedFile, MissingFile

MAKERS = {
    "augment": r"data/([^/]+)_augmented\.h5",
    "download": r"data/([^/]+)\.h5",
    "define": r"artifacts/([^/]+)/(network|code)\.yaml",
    "train": r"artifacts/([^/]+)/(gradients\.h5|history\.csv|metrics\.json)",
    "activations": r"artifacts/([^/]+)/(activations|augmented|weights)\.h5",
    "correlations": r"artifacts/([^/]+)/(correlations\.h5|corr_means\.json)",
    "gradients": r"artifacts/([^/]+)/gradient_stats\.json",
    "similarity": r"artifacts/([^/]+)/similarity\.h5",
    "svd": r"artifacts/([^/]+)/svd\.h5",
    "tsne": r"artifacts/([^/]+)/tsne\.h5",
}
"""The files that each stage of dvc.yaml makes of one data set or network, whose name is the first group."""


def with_remedy(error):
    """The sentence of an `InputError`; of a file that is missing or damaged, the one that names the command to run."""
    sentences = {MissingFile: absence, DamagedFile: damage}
    return sentences[type(error)](error.path) if type(error) in sentences else str(error)


def absence(path):
    """The sentence for a file that another stage makes, which it names for those of a data set and of a network."""
    found = ((stage, re.fullmatch(pattern, str(path))) for stage, pattern in MAKERS.items())
    target = next((f" {shlex.quote(f'{stage}@{match[1]}')}" for stage, match in found if match), "")
    return f"{path} does not exist: run the stage that makes it with `dvc repro{target}`."


def damage(path):
    """The sentence for a file whose content is not what was written.

    Its copy in DVC's cache can be the same file, and DVC would bring back the damage.
    """
    name = shlex.quote(str(path))
    return f"{path} is damaged: run `find .dvc/cache -samefile {name} -delete; rm {name}`, then `dvc repro`."

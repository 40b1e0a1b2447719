"""The measures that `similarity.measures` of params.yaml says, which only their stages and `define` need to know."""

from drillcore.base.errors import InputError
from drillcore.similarity.catalogue import MEASURES
from stages.rig.sections import section


def similarity_settings():
    """The section `similarity` of params.yaml, with its measures by name."""
    settings = section("similarity")
    return settings.model_copy(update={"measures": chosen_measures(settings.measures)})


def chosen_measures(names):
    """The names of the measures that `names` stands for, the word `all` or a list; an `InputError` refuses others."""
    if names == "all":
        return list(MEASURES)
    for name in names:
        if name not in MEASURES:
            raise InputError(
                f"params.yaml: similarity.measures has {name!r}, but should be all, or a list of {', '.join(MEASURES)}."
            )
    return names

"""The ranks of a spectrum that figures and page show, and what each is called there; `drillcore.spectra` computes them."""

from typing import NamedTuple


class Rank(NamedTuple):
    """A rank's `name`, and the shares that it is taken `of`."""

    name: str
    of: str

    @property
    def label(self):
        """What an axis with its values is called, in two lines."""
        return f"{self.name}\n({self.of})"


RANKS = {
    "effective_rank": Rank("effective rank", "of singular values"),
    "effective_rank_of_variances": Rank("effective rank", "of variances"),
    "participation_ratio": Rank("participation ratio", "of variances"),
}
"""By the name of the function and of the attribute in svd.h5."""
EFFECTIVE = {name: rank for name, rank in RANKS.items() if rank.name == "effective rank"}

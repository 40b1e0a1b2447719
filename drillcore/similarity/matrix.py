"""A matrix of similarities between layers, which knows its layers and shows itself."""

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from drillcore.base.arrays import evenly
from drillcore.extras import require
from drillcore.similarity.catalogue import MEASURES

MOST_SHOWN = 16
"""Of more layers, text and HTML show so many, evenly chosen."""


@dataclass(frozen=True, eq=False, repr=False)
class SimilarityMatrix:
    """How alike every two layers are by one measure; NumPy takes it as the array `values`.

    Parameters
    ----------
    values : float64 array (rows, columns)
        In the measure's unit; NaN where it is undefined.
    rows : list of str
        The layers along the first axis.
    columns : list of str
        The layers along the second axis.
    measure : str
        The measure's name, as in `similarity_matrix`.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 2.0], [3.0, 1.0]])
    >>> drillcore.similarity_matrix({"fc1": X, "fc2": X[:, :1]})
    debiased CKA of 2 x 2 layers (similarity, at most 1, about 0 by chance)
           fc1    fc2
    fc1  1.000  0.870
    fc2  0.870  1.000
    """

    values: NDArray[np.float64]
    rows: list[str]
    columns: list[str]
    measure: str

    def __array__(self, dtype: DTypeLike = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype, copy=copy)

    def heading(self) -> str:
        """What the matrix holds, in a line."""
        measure, shown = MEASURES[self.measure], ""
        if max(self.values.shape) > MOST_SHOWN:
            shown = f", {MOST_SHOWN} of them shown"
        return f"{measure.title} of {len(self.rows)} x {len(self.columns)} layers{shown} ({measure.range})"

    def shown(self) -> tuple[list[int], list[int]]:
        """The positions of the rows and columns that text and HTML show."""
        rows, columns = (evenly(range(len(names)), MOST_SHOWN) for names in (self.rows, self.columns))
        return rows, columns

    def __repr__(self) -> str:
        rows, columns = self.shown()
        left = max(len(self.rows[row]) for row in rows)
        widths = [max(6, len(self.columns[column])) for column in columns]
        head = "".join(f"{self.columns[column]:>{width + 1}}" for column, width in zip(columns, widths, strict=True))
        lines = [" " * left + head]
        for row in rows:
            cells = (
                f"{self.values[row, column]:{width + 1}.3f}" for column, width in zip(columns, widths, strict=True)
            )
            lines.append(f"{self.rows[row]:<{left}}{''.join(cells)}")
        return "\n".join([self.heading(), *lines])

    def _repr_html_(self) -> str:
        rows, columns = self.shown()
        head = "".join(f"<th>{escape(self.columns[column])}</th>" for column in columns)
        body = "".join(
            f"<tr><th>{escape(self.rows[row])}</th>{''.join(self.cell(row, column) for column in columns)}</tr>"
            for row in rows
        )
        caption = f'<caption style="white-space: nowrap; text-align: left">{escape(self.heading())}</caption>'
        return f"<table>{caption}<tr><th></th>{head}</tr>{body}</table>"

    def cell(self, row: int, column: int) -> str:
        """A cell of the HTML table, darker where the two layers are more alike."""
        value, measure = self.values[row, column], MEASURES[self.measure]
        share = np.nan_to_num((value - measure.unlike) / (measure.alike - measure.unlike))
        opacity = 0.6 * float(np.clip(share, 0, 1))
        return f'<td style="background: rgba(0, 114, 178, {opacity:.2f}); text-align: right">{value:.3f}</td>'

    def plot(self, title: str | None = None, subtitle: str | None = None) -> Any:
        """Draw the matrix as a map.

        Parameters
        ----------
        title : str, optional
            The headline.
        subtitle : str, optional
            The line below it, such as the network and the epoch.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from drillcore import figures

        return figures.layer_similarity(self, title=title, subtitle=subtitle)

    def to_pandas(self) -> Any:
        """Return the values as a `pandas.DataFrame` with the layers' names.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        InputError
            If pandas is not installed.
        """
        require("tables", "to_pandas()")
        import pandas

        return pandas.DataFrame(self.values, self.rows, self.columns)

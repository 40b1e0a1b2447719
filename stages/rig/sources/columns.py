"""The rows of a table in a CSV or Parquet file as numbers, read in blocks; a value that is no number has a code."""

import numpy as np

from drillcore.base.errors import InputError, MissingFile
from stages.rig.sources.blocks import Gathered

SPLIT = "split"
"""The column that says of each row whether it is for training or for testing, where there is one."""
CELLS = 1 << 20
"""Of a table that are read at a time."""
COUNTED = 100_000
"""Different values of a column up to which they are counted."""
NUMBERS = "iuf"
"""NumPy's kinds of the types of numbers."""


class Column:
    """A column whose values come in blocks; each that is no number gets a code, and a number too if the column is `coded`.

    Attributes
    ----------
    values : dict
        The code of each value, in the order in which they came.
    dtype, kinds : dtype, set of str
        The type of the last block, and NumPy's kinds of those of all blocks.
    missing, first : int
        The number of rows without a value that is finite as float32, and the first of them, from 1.
    """

    def __init__(self, name, coded):
        self.name, self.coded, self.values = name, coded, {}
        self.dtype, self.kinds, self.negative = None, set(), False
        self.count, self.missing, self.first = 0, 0, 0

    @property
    def is_numeric(self):
        """Whether all blocks are numbers."""
        return self.kinds <= set(NUMBERS)

    @property
    def counted(self):
        """How many different values there are."""
        return str(len(self.values)) if len(self.values) <= COUNTED else f"more than {COUNTED}"

    @property
    def type_of_all(self):
        """Where blocks differ in type, that of the column as pandas has it when it reads the whole; None where they do not,
        or where their numbers are the same in both types."""
        if len(self.kinds) < 2 or (not self.coded and self.kinds == {"i", "f"}):
            return None
        if self.kinds == {"i", "u"}:
            return "str" if self.negative else "uint64"
        return "float64" if self.is_numeric else "str"

    def add(self, values):
        """The `values` of a block, a `pandas.Series`, as numbers or codes; zeros once a value is missing."""
        self.dtype, kind = values.dtype, values.dtype.kind
        self.kinds.add(kind)
        numbers = values.to_numpy(np.float64) if kind in NUMBERS else None
        with np.errstate(over="ignore"):
            missing = values.isna().to_numpy(bool) if numbers is None else ~np.isfinite(numbers.astype(np.float32))
        if not self.missing and missing.any():
            self.first = self.count + int(np.argmax(missing)) + 1
        self.missing += int(missing.sum())
        self.count += len(values)
        if self.missing:
            return np.zeros(len(values))
        self.negative |= kind == "i" and bool(numbers.min() < 0)
        if numbers is not None:
            return self.codes(values) if self.coded else numbers
        # Of times NumPy writes all digits, pandas those that this block needs.
        return self.codes(values.to_numpy().astype(str) if kind in "mM" else values.astype(str).to_numpy(object))

    def codes(self, values):
        """The codes of `values`."""
        import pandas

        codes, found = pandas.factorize(values)
        found = found.tolist()
        if len(self.values) <= COUNTED:  # of more, which are refused, memory holds no list
            for value in found:
                self.values.setdefault(value, len(self.values))
        return np.array([self.values.get(value, 0) for value in found])[codes]


class Table:
    """The rows of the table at `path`, but for the columns `dropped`; `targets` are `coded` if they are classes.

    Attributes
    ----------
    columns : list of Column
        In the table's order; those of them that are `features`, those that are `targets`, and the column `split`, in a list
        `marks` that is empty where there is none.
    inputs : Gathered, float32 (rows, features)
    wanted : Gathered, float32 (rows, targets)
    marked : Gathered, float32 (rows, marks)
    """

    def __init__(self, name, path, targets, dropped, coded, types):
        blocks = named_blocks(name, path, types)
        header = next(blocks)
        if len(twice := header.columns[header.columns.duplicated()]):
            raise InputError(f"{path} has more than one column {twice[0]!r}: give each a name of its own.")
        check_columns(f"datasets.{name}.target", path, header, targets)
        check_columns(f"datasets.{name}.drop", path, header, dropped)
        if both := sorted({*targets} & {*dropped}):
            raise InputError(f"params.yaml: datasets.{name} has {both[0]!r} both as target and in drop: leave out one.")
        marks = [SPLIT] if SPLIT in header.columns and SPLIT not in [*targets, *dropped] else []
        found = {
            column: Column(column, column in marks or (coded and column in targets))
            for column in header.columns
            if column not in dropped
        }
        self.columns = list(found.values())
        self.targets, self.marks = ([found[column] for column in names] for names in (targets, marks))
        self.features = [column for column in self.columns if column not in [*self.targets, *self.marks]]
        self.inputs, self.wanted, self.marked = self.gathered(blocks)

    def gathered(self, blocks):
        """The rows of the features, of the targets and of the column `split`."""
        parts = self.features, self.targets, self.marks
        rows = [Gathered((len(part),), np.float32) for part in parts]
        for block in filter(len, blocks):  # a file of a folder may have no rows
            for part, numbers in zip(parts, rows, strict=True):
                found = np.empty((len(block), len(part)), np.float32)
                for position, column in enumerate(part):
                    found[:, position] = column.add(block[column.name])
                numbers.add(found)
        return rows


def read_table(name, path, targets, dropped, coded):
    """The `Table` at `path`; of a CSV with columns whose types differ between blocks, read again with one type for each."""
    table = Table(name, path, targets, dropped, coded, {})
    types = {column.name: column.type_of_all for column in table.columns if column.type_of_all}
    if not types or is_parquet(path):  # whose columns have one type but for missing values
        return table
    del table  # before its rows are on the disk twice
    return Table(name, path, targets, dropped, coded, types)


def is_parquet(path):
    """Whether the file at `path` is no text."""
    return path.suffix.lower() == ".parquet"


def named_blocks(name, path, types):
    """Yield the table at `path` without rows, then its rows in blocks, each a `pandas.DataFrame` with texts as names.

    Columns of a CSV have the `types` {column: type}; of others each block tells.
    """
    if not path.exists():
        raise MissingFile(path)
    try:
        import pandas  # noqa: F401
    except ImportError:
        raise InputError(
            f"params.yaml: datasets.{name} is a table, which needs pandas: run `pip install pandas`."
        ) from None
    try:
        for block in parquet_blocks(path) if is_parquet(path) else csv_blocks(path, types):
            block.columns = [str(column) for column in block.columns]
            yield block
    except ImportError:
        raise InputError(f"{path} is a Parquet file, which needs pyarrow: run `pip install pyarrow`.") from None
    except Exception as error:  # a damaged file can raise anything
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise InputError(f"{path} is no table that pandas reads ({reason}): correct it.") from None


def csv_blocks(path, types):
    """Yield the table in a text file without rows, then its rows in blocks."""
    import pandas

    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    header = pandas.read_csv(path, sep=separator, nrows=0)
    yield header
    rows = max(1, CELLS // max(1, header.shape[1]))
    with pandas.read_csv(path, sep=separator, dtype=types, chunksize=rows, low_memory=False) as blocks:
        yield from blocks


def parquet_blocks(path):
    """Yield the table in a Parquet file without rows, then its rows in blocks; a folder of such files is read whole."""
    from pyarrow import parquet

    if path.is_dir():
        table = parquet.read_table(path)
        yield table.slice(0, 0).to_pandas()
        yield table.to_pandas()
        return
    # Without these two a group of rows, which may be the whole file, is read at once.
    with parquet.ParquetFile(path, buffer_size=64 << 10, pre_buffer=False) as file:
        header = file.schema_arrow.empty_table().to_pandas()
        yield header
        for batch in file.iter_batches(max(1, CELLS // max(1, header.shape[1])), use_threads=False):
            yield batch.to_pandas(use_threads=False)


def check_columns(parameter, path, table, columns):
    """Refuse a `parameter` of params.yaml that names `columns` which are not all in the table."""
    for column in columns:
        if column not in table.columns:
            raise InputError(
                f"params.yaml: {parameter} is {column!r}, but {path} has the columns {', '.join(table.columns)}: "
                "name one of them."
            )

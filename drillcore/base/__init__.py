"""What every part stands on: errors, names, checks of arrays, and the HDF5 store."""

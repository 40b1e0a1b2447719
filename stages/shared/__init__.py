"""The ground floor: parameters and network cards, networks, images, the HDF5 store, progress, one-sentence errors."""

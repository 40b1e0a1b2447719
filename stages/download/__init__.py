"""download: bring a data set from its source, the sample, torchvision, a folder, a zip or arrays, to data/<dataset>.h5."""

"""download: bring a data set from one of three sources, the sample, torchvision or a folder, to data/<dataset>.h5."""

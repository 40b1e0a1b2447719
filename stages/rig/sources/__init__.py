"""Where images come from: the studies' data sets, folders, archives, arrays, torchvision."""

"""What the stages share: parameters, network cards, sources of data, training, the command line, the graph."""

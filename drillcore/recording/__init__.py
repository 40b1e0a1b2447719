"""What the optimiser does to every weight: the recorder, its counts, and what they say at a threshold."""

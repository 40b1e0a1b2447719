"""A window of a training once more, under instruments that would have been too dear all the way."""

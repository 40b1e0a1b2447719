"""The files: what lies where in each, and how it is written and read."""

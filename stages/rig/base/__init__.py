"""What every stage stands on: its command line, its process, and the parameters."""

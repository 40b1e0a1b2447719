"""What every stage stands on: its command line and progress lines, checked parameters, whole files."""

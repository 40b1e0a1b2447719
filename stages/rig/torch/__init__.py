"""The networks that PyTorch trains."""

"""The outputs of a model's layers, as (samples, units)."""

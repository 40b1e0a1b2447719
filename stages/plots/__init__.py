"""plots: a network's figures, and one of all squeeze widths side by side.

`python -m stages.plots NETWORK` and `python -m stages.plots.bottleneck` draw what the analyses wrote. Every figure is
a function of arrays that returns a matplotlib `Figure`, for notebooks too; `style` says how they look.
"""

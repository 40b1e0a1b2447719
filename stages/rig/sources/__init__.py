"""Where images come from: the studies' data sets, folders, archives, arrays, torchvision.

Each module returns a `Dataset`; which one reads a source, `load_source` in stages/download.py decides.
"""

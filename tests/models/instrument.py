"""An instrument that no network of PyTorch can have."""


class OfKeras:
    frameworks = ("keras",)

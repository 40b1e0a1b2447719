"""Networks whose steps are random: dropout beside batch normalisation, in either framework."""


def torch_net():
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 6, 3, stride=2),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Dropout2d(0.2),
        nn.Flatten(),
        nn.Linear(6 * 13 * 13, 16),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(16, 2),
    )


def keras_net():
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input((28, 28, 1)),
            layers.Conv2D(6, 3, strides=2, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(),
            layers.SpatialDropout2D(0.2),
            layers.Flatten(),
            layers.Dense(16, activation="relu", name="hidden"),
            layers.Dropout(0.5),
            layers.Dense(2, name="output"),
        ]
    )

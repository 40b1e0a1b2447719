from torch import nn


class Net(nn.Module):
    def __init__(self, width, classes, bias):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.head = nn.Linear(width, classes, bias)

    def forward(self, images):
        return self.head(self.features(images).mean((2, 3)))


def make(width=4, classes=3, bias=True):
    return Net(width, classes, bias)

"""The book's networks, and networks of any depth, with all their numerical gradients."""

from .losses import cross_entropy_error, mean_squared_error, relu, sigmoid, softmax
from .networks import ACTIVATIONS, LOSSES, MLP, SimpleNet, TwoLayerNet

__all__ = [
    "ACTIVATIONS",
    "LOSSES",
    "MLP",
    "SimpleNet",
    "TwoLayerNet",
    "cross_entropy_error",
    "mean_squared_error",
    "relu",
    "sigmoid",
    "softmax",
]

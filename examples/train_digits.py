"""A network that learns handwritten digits by numerical gradients, and once more by backpropagation.

    python examples/train_digits.py -o training.png

The middle is the training script of "Deep Learning from Scratch", chapter 4: mini-batches, a learning rate, the
accuracy of every epoch. There the numerical gradient is commented out, because it takes too long; here it is switched
on. The data are the 8 x 8 digits that come with scikit-learn: pip install scikit-learn matplotlib.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from fastgrad.nn import TwoLayerNet

HIDDEN = 50
LEARNING_RATE = 1.0  # the book's 0.1 needs ten times as many iterations
TRAINING = 1500  # of 1797 digits


def load_digits() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Pixels from 0 to 1 and one-hot labels for training, and for the test; always split in the same way."""
    try:
        from sklearn import datasets
    except ImportError:
        msg = "the digits come with scikit-learn, which is not installed; write: pip install scikit-learn"
        raise ImportError(msg) from None
    digits = datasets.load_digits()
    order = np.random.default_rng(0).permutation(len(digits.data))
    train, test = order[:TRAINING], order[TRAINING:]
    x, t = digits.data / 16, np.eye(10)[digits.target]
    return (x[train], t[train]), (x[test], t[test])


@dataclass
class Curves:
    """What a training leaves behind; `seconds` were spent in the gradients."""

    train_loss_list: list[float] = field(default_factory=list)
    train_acc_list: list[float] = field(default_factory=list)
    test_acc_list: list[float] = field(default_factory=list)
    epoch_list: list[int] = field(default_factory=list)
    seconds: float = 0.0
    difference: float = 0.0


def train(method: str, iters_num: int, batch_size: int) -> Curves:
    """Train by the network's `numerical_gradient` or by its `gradient`, from the same start and on the same batches."""
    (x_train, t_train), (x_test, t_test) = load_digits()

    np.random.seed(0)
    network = TwoLayerNet(input_size=64, hidden_size=HIDDEN, output_size=10)

    train_size = x_train.shape[0]
    learning_rate = LEARNING_RATE
    iter_per_epoch = max(train_size // batch_size, 1)
    curves = Curves()

    for i in with_progress(range(iters_num), method):
        batch_mask = np.random.choice(train_size, batch_size)
        x_batch = x_train[batch_mask]
        t_batch = t_train[batch_mask]

        start = perf_counter()
        if method == "numerical_gradient":
            grad = network.numerical_gradient(x_batch, t_batch)
        else:
            grad = network.gradient(x_batch, t_batch)
        curves.seconds += perf_counter() - start

        if i % iter_per_epoch == 0:
            exact = network.gradient(x_batch, t_batch)
            curves.difference = max(curves.difference, *(np.abs(grad[key] - exact[key]).max() for key in grad))

        for key in ("W1", "b1", "W2", "b2"):
            network.params[key] -= learning_rate * grad[key]

        curves.train_loss_list.append(network.loss(x_batch, t_batch))
        if i % iter_per_epoch == 0 or i == iters_num - 1:
            curves.epoch_list.append(i)
            curves.train_acc_list.append(network.accuracy(x_train, t_train))
            curves.test_acc_list.append(network.accuracy(x_test, t_test))
    return curves


def with_progress(steps: range, title: str) -> Iterable[int]:
    """The steps, with the time left on stderr: by tqdm, or in a line of our own."""
    try:
        from tqdm import tqdm
    except ImportError:
        return plain_progress(steps, title)
    return tqdm(steps, desc=title, unit="batch")


def plain_progress(steps: range, title: str) -> Iterable[int]:
    start, total = perf_counter(), len(steps)
    for done, step in enumerate(steps, 1):
        yield step
        if done == total or done % max(total // 20, 1) == 0:
            left = (perf_counter() - start) / done * (total - done)
            print(f"\r{title}: {done}/{total} batches, {left:.0f} s left ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def draw(curves: dict[str, Curves], path: str) -> None:
    """Loss and accuracy of both trainings."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    styles: dict[str, dict[str, Any]] = {
        "numerical_gradient": {"color": "#1f5fa8", "linewidth": 2.4},
        "gradient": {"color": "#f28e2b", "linewidth": 1.1, "linestyle": (0, (4, 3))},
    }
    names = {"numerical_gradient": "numerical gradient", "gradient": "backpropagation"}
    for method, c in curves.items():
        style = styles[method]
        loss.plot(c.train_loss_list, label=names[method], **style)
        accuracy.plot(c.epoch_list, c.test_acc_list, label=f"{names[method]}, test", **style)
    numerical = curves["numerical_gradient"]
    accuracy.plot(
        numerical.epoch_list, numerical.train_acc_list, color="0.6", linewidth=1, label="both, training digits"
    )
    loss.set(title="Loss of each mini-batch", xlabel="iteration", ylabel="cross-entropy", ylim=(0, None))
    accuracy.set(title="Accuracy after each epoch", xlabel="iteration", ylim=(0, 1.02))
    for ax, place in ((loss, "upper right"), (accuracy, "lower right")):
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.25)
        ax.legend(loc=place, frameon=False)
    figure.savefig(path, dpi=200)


def main() -> None:
    """Train twice, draw, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=600, help="mini-batches to learn from (default: 600)")
    parser.add_argument("--batch", type=int, default=100, help="digits in each of them (default: 100)")
    parser.add_argument("-o", "--output", default="training.png", help="the picture (default: training.png)")
    given = parser.parse_args()
    if given.iterations < 1 or given.batch < 1:
        parser.error(f"--iterations {given.iterations} and --batch {given.batch} must be 1 or more")

    curves = {method: train(method, given.iterations, given.batch) for method in ("numerical_gradient", "gradient")}
    numerical, exact = curves.values()
    weights = 64 * HIDDEN + HIDDEN + HIDDEN * 10 + 10
    print(f"{given.iterations} iterations, batch of {given.batch}, {weights} weights")
    print(
        f"numerical gradient  {numerical.test_acc_list[-1]:.1%} of the test digits right, "
        f"{numerical.seconds:.2f} s in gradients"
    )
    print(
        f"backpropagation     {exact.test_acc_list[-1]:.1%} of the test digits right, "
        f"{exact.seconds:.2f} s in gradients"
    )
    print(f"gradients differ by {numerical.difference:.1e} at most")
    draw(curves, given.output)
    print(f"written             {given.output}")


if __name__ == "__main__":
    main()

"""The examples run; and so does the book's training script, with the imports of its network and data changed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"

# Chapter 4's script up to its drawing; the iterations and the batch are smaller than the book's, no more.
SCRIPT = """
import numpy as np
from dataset.mnist import load_mnist
from two_layer_net import TwoLayerNet

(x_train, t_train), (x_test, t_test) = load_mnist(normalize=True, one_hot_label=True)

network = TwoLayerNet(input_size=784, hidden_size=50, output_size=10)

iters_num = 4
train_size = x_train.shape[0]
batch_size = 10
learning_rate = 0.1

train_loss_list = []
train_acc_list = []
test_acc_list = []

iter_per_epoch = max(train_size / batch_size, 1)

for i in range(iters_num):
    batch_mask = np.random.choice(train_size, batch_size)
    x_batch = x_train[batch_mask]
    t_batch = t_train[batch_mask]

    #grad = network.numerical_gradient(x_batch, t_batch)
    grad = network.gradient(x_batch, t_batch)

    for key in ('W1', 'b1', 'W2', 'b2'):
        network.params[key] -= learning_rate * grad[key]

    loss = network.loss(x_batch, t_batch)
    train_loss_list.append(loss)

    if i % iter_per_epoch == 0:
        train_acc = network.accuracy(x_train, t_train)
        test_acc = network.accuracy(x_test, t_test)
        train_acc_list.append(train_acc)
        test_acc_list.append(test_acc)
        print("train acc, test acc | " + str(train_acc) + ", " + str(test_acc))
"""
IMPORTS = {
    "from dataset.mnist import load_mnist": "from test_examples import load_mnist",
    "from two_layer_net import TwoLayerNet": "from fastgrad.nn import TwoLayerNet",
}
SWITCHED_ON = {
    "#grad = network.numerical_gradient(": "grad = network.numerical_gradient(",
    "grad = network.gradient(": "#grad = network.gradient(",
}


def load_mnist(normalize, one_hot_label):
    """Noise in the shapes of MNIST, labelled by its brightest tenth."""
    assert (normalize, one_hot_label) == (True, True)
    rng = np.random.default_rng(0)

    def images(n):
        x = rng.random((n, 784)).astype(np.float32)
        return x, np.eye(10)[x[:, :780].reshape(n, 10, 78).sum(axis=2).argmax(axis=1)]

    return images(20), images(10)


def run(script, seed):
    np.random.seed(seed)  # noqa: NPY002  the script draws from NumPy's global state
    names = {}
    exec(compile(script, "train_neuralnet.py", "exec"), names)
    return names


def changed(text, lines):
    for old, new in lines.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


@pytest.fixture
def script(monkeypatch):
    monkeypatch.setitem(sys.modules, "test_examples", sys.modules[__name__])
    return changed(SCRIPT, IMPORTS)


def test_only_import_lines_of_the_script_are_changed(script):
    pairs = zip(SCRIPT.splitlines(), script.splitlines(), strict=True)
    assert sorted(old for old, new in pairs if old != new) == sorted(IMPORTS)


def test_the_books_script_trains_by_numerical_gradient(script, capsys):
    exact = run(script, 1)
    numerical = run(changed(script, SWITCHED_ON), 1)
    assert numerical["network"].params["W1"].shape == (784, 50)
    for key, gradient in exact["grad"].items():
        np.testing.assert_allclose(numerical["grad"][key], gradient, rtol=0, atol=1e-7)
    np.testing.assert_allclose(numerical["train_loss_list"], exact["train_loss_list"], rtol=0, atol=1e-8)
    assert any((numerical["grad"][key] != exact["grad"][key]).any() for key in exact["grad"])  # really differences
    assert len(numerical["test_acc_list"]) == 2
    assert capsys.readouterr().out.count("train acc, test acc | ") == 4


def example(*arguments, cwd, **environment):
    command = [sys.executable, str(EXAMPLES / "train_digits.py"), *arguments]
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_digits_are_learnt(tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    done = example("--iterations", "150", "--batch", "20", "-o", "curves.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["curves.png"]
    lines = done.stdout.splitlines()
    assert lines[0] == "150 iterations, batch of 20, 3760 weights"
    shares = [float(line.split("%")[0].split()[-1]) for line in lines[1:3]]
    assert min(shares) > 60
    assert abs(shares[0] - shares[1]) < 1
    assert 0 < float(lines[3].split()[3]) < 1e-7
    assert "numerical_gradient" in done.stderr


def test_progress_without_tqdm(tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    (tmp_path / "tqdm.py").write_text("raise ImportError", encoding="utf-8")
    done = example("--iterations", "3", "--batch", "5", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "numerical_gradient: 3/3 batches, 0 s left" in done.stderr
    assert (tmp_path / "training.png").is_file()


def test_digits_without_scikit_learn(tmp_path):
    (tmp_path / "sklearn.py").write_text("raise ImportError", encoding="utf-8")
    done = example(cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "pip install scikit-learn" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("given", ["--iterations=0", "--batch=-1"])
def test_numbers_below_one_are_refused(given, tmp_path):
    done = example(given, cwd=tmp_path)
    assert done.returncode == 2
    assert "must be 1 or more" in done.stderr

"""A function that remembers where it was called."""


class Counting:
    def __init__(self, f):
        self.f, self.points = f, []

    def __call__(self, x):
        self.points.append(x.tobytes())
        return self.f(x)

"""Array programs without transposes: what is computed of a matrix's transpose is computed of the matrix.

A softmax over the columns of `z.T`, as the book has it, is one over the rows of z. There samples lie along the first
axis, and each is computed by itself: a network of two layers takes a fifth of the time.
"""

from __future__ import annotations

from .nodes import Node, constant, ordered, reduce, reshape, transpose, ufunc, with_args

TURNED = ("transpose", (1, 0))


def untransposed(result: Node) -> Node:
    """The same result; transposes are taken back as far as what is made of them goes on element by element."""
    return _Untransposed().of(result)


class _Untransposed:
    """A program under way.

    Attributes
    ----------
    done : dict
        For each node the one that takes its place ...
    upright : dict
        ... and for those that are transposes what they are the transposes of.
    """

    def __init__(self) -> None:
        self.done: dict[Node, Node] = {}
        self.upright: dict[Node, Node] = {}

    def of(self, result: Node) -> Node:
        nodes = ordered([result])
        if not any(_turns(node) for node in nodes):
            return result
        for node in nodes:
            args = tuple(self.done.get(a, a) for a in node.args)
            self.done[node] = self._made(node, args) or with_args(node, args)
        return self.done.get(result, result)

    def _made(self, node: Node, args: tuple[Node, ...]) -> Node | None:
        """Another node for one of a transpose; None where it stays."""
        if _turns(node):
            return self.upright.get(args[0]) or self._turned(args[0])
        if not any(a in self.upright for a in args):
            return None
        if node.kind == "reduce" and len(node.how[1]) == 1:
            return self._reduced(node, self.upright[args[0]])
        if node.kind == "ufunc" and len(node.shape) == 2:
            sides = [self._of_the_matrix(a) for a in args]
            known = [side for side in sides if side is not None]
            return self._turned(ufunc(node.how, *known)) if len(known) == len(sides) else None
        return None

    def _turned(self, x: Node) -> Node:
        new = transpose(x, (1, 0))
        self.upright[new] = x
        return new

    def _reduced(self, node: Node, x: Node) -> Node:
        function, (axis,), keepdims = node.how
        made = reduce(function, x, 1 - axis, keepdims)
        return self._turned(made) if keepdims else made

    def _of_the_matrix(self, x: Node) -> Node | None:
        """What stands beside a matrix for an array that stands beside its transpose; None where that is a move more."""
        if x in self.upright or not x.shape:
            return self.upright.get(x, x)
        if len(x.shape) == 1 and x.kind == "reduce" and x.how[1] == (1,):
            return reduce(x.how[0], x.args[0], 1, keepdims=True)
        if len(x.shape) == 1:
            return reshape(x, (*x.shape, 1))
        if 1 in x.shape:
            return reshape(x, x.shape[::-1])
        return None if x.moves else constant(x.value.T)


def _turns(node: Node) -> bool:
    return node.kind == "move" and node.how[1] == TURNED

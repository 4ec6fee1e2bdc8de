"""A function's branches rewritten, so that both sides run where they only assign: from its source, if it is the source.

A rewritten ``if``::

    if x > 1: y = a          branch = both(test, site, names, stored)
    else: y = b              for side in branch:
                                 y, = branch.start()
                                 if side: y = a
                                 else: y = b
                                 branch.leave()
                             y, = branch.merged()

Conditional expressions, ``and``, ``or``, ``not`` and chains of comparisons in tests become calls of the tools in
`merging`; so do calls, of which one may write into what the other side reads.
"""

from __future__ import annotations

import ast
import copy
import itertools
import linecache
import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import CodeType
from typing import Any

import numpy as np

from ..captures import content

_LEAVING = (
    ast.Return, ast.Raise, ast.Assert, ast.Try, ast.With, ast.Global, ast.Nonlocal, ast.Delete, ast.Import,
    ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.While, ast.Match, ast.AsyncFor,
    ast.AsyncWith,
)  # fmt: skip
_ODD = (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)
_OF_FRAMES = {"locals", "globals", "super", "vars", "dir", "eval", "exec"}  # which ask who calls them
_SIMPLE = (ast.Name, ast.Constant, ast.Attribute, ast.Subscript)
_FRESH = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.Constant)  # what gives a value without another name ...
_MAKING = {  # ... and so do these functions; others may give what they were given, as np.asarray does
    *dir(math), *(name for name, value in vars(np).items() if isinstance(value, np.ufunc)), "abs", "float", "int",
    "len", "max", "min", "round", "sum", "dot", "norm", "array", "copy", "empty", "ones", "zeros", "zeros_like",
    "ones_like", "empty_like", "mean", "prod",
}  # fmt: skip
_sites = itertools.count(1)


def rewritten(code: CodeType, what: str = "branches") -> CodeType:
    """The code with its branches rewritten, its calls and what it asks by `is True`; or "calls", or "identities" alone.

    The same object where there is nothing to do or no source.
    """
    return _rewritten(code, code.co_filename, what) or code


@lru_cache(maxsize=512)
def _rewritten(code: CodeType, _: str, what: str) -> CodeType | None:
    """By the file too: code objects of two files are equal where their texts are."""
    node = source_of(code)
    writer = {"branches": _Rewriter, "calls": _Calls, "identities": _Identities}[what](code)
    new = None if node is None else writer.function(node)
    made = compiled(new, code) if writer.changed else None
    return None if made is None else made.replace(co_firstlineno=code.co_firstlineno)


def source_of(code: CodeType) -> Any:
    """The function of the source that this code is; None where it is not found, or is another one by now."""
    return next((node for node in _candidates(code) if _is_source(node, code)), None)


def _candidates(code: CodeType) -> Iterator[Any]:
    """Functions of the source that may be this one."""
    kind: Any = ast.Lambda if code.co_name == "<lambda>" else ast.FunctionDef
    for node in ast.walk(_tree(_text(code))):
        if isinstance(node, kind) and _first_line(node) == code.co_firstlineno:
            yield node


def _text(code: CodeType) -> str:
    linecache.checkcache(code.co_filename)
    return "".join(linecache.getlines(code.co_filename))


@lru_cache(maxsize=8)
def _tree(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError:
        return ast.Module([], [])


def _first_line(node: Any) -> int:
    decorators = getattr(node, "decorator_list", [])
    return int(min([node.lineno, *(d.lineno for d in decorators)]))


def _is_source(node: Any, code: CodeType) -> bool:
    """Whether a node is the source of this code: files change, and one line may hold several functions."""
    plain = compiled(copy.deepcopy(node), code)
    return plain is not None and content(plain) == content(code)


def compiled(node: Any, code: CodeType) -> CodeType | None:
    """A function compiled within a function that has the free variables, so that they stay free.

    And beside the imports of its module: Python calls the functions of what is imported in another way.
    """
    outer = ast.parse("def outer():\n    pass").body[0]
    assert isinstance(outer, ast.FunctionDef)
    outer.args.args = [ast.arg(name) for name in code.co_freevars]
    if isinstance(node, ast.FunctionDef):
        node.decorator_list = []
    outer.body = [node] if isinstance(node, ast.FunctionDef) else [ast.Expr(node)]
    imports = [s for s in _tree(_text(code)).body if _is_import(s)]
    tree = ast.fix_missing_locations(ast.Module([*imports, outer], []))
    found = [compile(tree, code.co_filename, "exec", dont_inherit=True)]
    while found:
        one = found.pop(0)
        if one.co_name == code.co_name and one.co_freevars == code.co_freevars:
            return one
        found += [const for const in one.co_consts if isinstance(const, CodeType)]
    return None


def _is_import(statement: ast.stmt) -> bool:
    return isinstance(statement, (ast.Import, ast.ImportFrom)) and getattr(statement, "module", "") != "__future__"


class _Identities(ast.NodeTransformer):
    """Rewrites ``a is True`` in the body of a function, and in those inside it."""

    def __init__(self, code: CodeType) -> None:
        self.changed, self._code, self._own = False, code, {*code.co_varnames, *code.co_cellvars}

    def visit_Compare(self, node: ast.Compare) -> Any:
        self.generic_visit(node)
        sides = (node.left, node.comparators[0])
        asked = any(isinstance(side, ast.Constant) and isinstance(side.value, (bool, int, float)) for side in sides)
        if len(node.ops) > 1 or not isinstance(node.ops[0], (ast.Is, ast.IsNot)) or not asked:
            return node
        self.changed = True
        return _call("__fg_is" if isinstance(node.ops[0], ast.Is) else "__fg_is_not", *sides)

    def function(self, node: Any) -> Any:
        new = copy.deepcopy(node)
        if isinstance(new, ast.Lambda):
            new.body = self.visit(new.body)
        else:
            new.body = self._block(new.body)
        return new

    def visit_FunctionDef(self, node: Any) -> Any:
        """Their branches are their own."""
        inner = _Identities(self._code)
        new = ast.NodeTransformer.generic_visit(inner, node)
        self.changed |= inner.changed
        return new

    visit_Lambda = visit_ClassDef = visit_AsyncFunctionDef = visit_FunctionDef

    def _block(self, body: list[Any]) -> list[Any]:
        made: list[Any] = []
        for statement in body:
            new = self.visit(statement)
            made += new if isinstance(new, list) else [new]
        return made


class _Calls(_Identities):
    """Rewrites calls too."""

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in _OF_FRAMES:
            return node
        self.changed = True
        return ast.Call(_name("__fg_call"), [node.func, *node.args], node.keywords)


class _Rewriter(_Calls):
    """Rewrites branches too."""

    def _site(self) -> ast.expr:
        self.changed = True
        return ast.Constant(next(_sites))

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        if _has(node, _ODD):
            return self.generic_visit(node)
        return _call("__fg_choose", self._test(node.test), _lazy(self.visit(node.body)), _lazy(self.visit(node.orelse)),
                     self._site())  # fmt: skip

    def _test(self, node: ast.expr) -> ast.expr:
        """A test, of which only the truth counts."""
        if _has(node, _ODD):
            return self.visit(node)  # type: ignore[no-any-return]
        if isinstance(node, ast.BoolOp):
            name = "__fg_and" if isinstance(node.op, ast.And) else "__fg_or"
            made = self._test(node.values[-1])
            for value in reversed(node.values[:-1]):
                made = _call(name, self._test(value), _lazy(made), self._site())
            return made
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self.changed = True
            return _call("__fg_not", self._test(node.operand))
        if isinstance(node, ast.Compare) and len(node.ops) > 1:
            middle = node.comparators[:-1]
            if all(isinstance(part, _SIMPLE) and not _has(part, ast.Call) for part in middle):
                parts = zip([node.left, *middle], node.ops, node.comparators, strict=True)
                both = [ast.Compare(copy.deepcopy(a), [op], [copy.deepcopy(b)]) for a, op, b in parts]
                return self._test(ast.BoolOp(ast.And(), [*both]))
        return self.visit(node)  # type: ignore[no-any-return]

    def visit_For(self, node: ast.For) -> Any:
        node.iter = self.visit(node.iter)
        node.body, node.orelse = self._block(_without_continue(node.body)), self._block(node.orelse)
        return node

    def visit_While(self, node: ast.While) -> Any:
        node.test = self._test(node.test)
        node.body, node.orelse = self._block(node.body), self._block(node.orelse)
        return node

    def visit_If(self, node: ast.If) -> Any:
        inside = [*node.body, *node.orelse]
        names = sorted({n.id for s in inside for n in _of(s, ast.Name) if isinstance(n.ctx, ast.Store)})
        merges = self._only_assigns(inside, names)
        node.test = self._test(node.test)
        node.body, node.orelse = self._block(node.body), self._block(node.orelse)
        self.changed |= merges
        return self._both(node, names, _stored(inside)) if merges else node

    def _only_assigns(self, body: list[Any], names: list[str]) -> bool:
        """Whether statements do nothing but assign to variables and elements."""
        return self._own.issuperset(names) and not any(map(_does_more, body)) and not any(map(_leaves_loop, body))

    def _both(self, node: ast.If, names: list[str], stored: list[str]) -> list[Any]:
        number = next(_sites)
        branch, side = f"__fg_branch{number}", f"__fg_side{number}"
        texts = [ast.Tuple([ast.Constant(n) for n in some], ast.Load()) for some in (names, stored)]
        begin = _assigned(branch, _call("__fg_both", node.test, ast.Constant(number), *texts))
        body = [
            *_unpacked(names, _method(branch, "start")),
            ast.If(_name(side), node.body, node.orelse or [ast.Pass()]),
            ast.Expr(_method(branch, "leave")),
        ]
        loop = ast.For(_stored_name(side), _name(branch), body, [])
        return [begin, loop, *_unpacked(names, _method(branch, "merged"))]


def _of(node: ast.AST, kind: Any) -> Iterator[Any]:
    return (n for n in ast.walk(node) if isinstance(n, kind))


def _has(node: ast.AST, kind: Any) -> bool:
    return next(_of(node, kind), None) is not None


def _does_more(statement: ast.stmt) -> bool:
    """Whether it, or one inside it, does more than to assign."""
    told = [n for n in _of(statement, ast.Expr) if not isinstance(n.value, ast.Constant)]
    attributes = [n for n in _of(statement, ast.Attribute) if not isinstance(n.ctx, ast.Load)]
    frames = [n for n in _of(statement, ast.Name) if n.id in _OF_FRAMES]
    return bool(told or attributes or frames) or _has(statement, (*_LEAVING, *_ODD))


def _leaves_loop(statement: ast.stmt, inside: bool = False) -> bool:
    """Whether a break or continue ends a turn of a loop that is not within."""
    if isinstance(statement, (ast.Break, ast.Continue)):
        return not inside
    inner = inside or isinstance(statement, ast.For)
    return any(_leaves_loop(s, inner) for s in ast.iter_child_nodes(statement) if isinstance(s, ast.stmt))


def _stored(body: list[Any]) -> list[str]:
    """The variables whose elements are written, or that an operator may change in place; "" for what is no variable."""
    elements = [n for s in body for n in _of(s, ast.Subscript) if not isinstance(n.ctx, ast.Load)]
    found = {_base(n) for n in elements}
    moved = {n.target.id for s in body for n in _of(s, ast.AugAssign) if isinstance(n.target, ast.Name)}
    if not found.isdisjoint(_bound(body)) or not moved.isdisjoint(_bound(body, _is_fresh)):
        found.add("")
    return sorted(found | moved)


def _is_fresh(value: ast.expr) -> bool:
    """Whether the value of an expression has no other name."""
    if not isinstance(value, ast.Call):
        return isinstance(value, _FRESH)
    function = value.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in _MAKING and not any(k.arg in (None, "out", "copy") for k in value.keywords)


def _never(value: ast.expr) -> bool:
    return False


def _bound(body: list[Any], is_fresh: Callable[[ast.expr], bool] = _never) -> set[str]:
    """The variables that a side makes another name of what others may see, an array for all we know."""
    pairs = [(t, n.value) for s in body for n in _of(s, ast.Assign) for t in n.targets]
    pairs += [(n.target, n.iter) for s in body for n in _of(s, ast.For)]
    pairs += [(n.target, n.value) for s in body for n in _of(s, ast.AnnAssign)]
    targets = [target for target, value in pairs if not is_fresh(value)]
    return {n.id for target in targets for n in _of(target, ast.Name) if isinstance(n.ctx, ast.Store)}


def _base(node: Any) -> str:
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _without_continue(body: list[Any]) -> list[Any]:
    """``if c: continue`` and the rest of a loop's body as ``if c: pass``, ``else:`` the rest."""
    for k, s in enumerate(body):
        if isinstance(s, ast.If) and not s.orelse and isinstance(s.body[-1], ast.Continue) and body[k + 1 :]:
            return [*body[:k], ast.If(s.test, s.body[:-1] or [ast.Pass()], _without_continue(body[k + 1 :]))]
    return body


def _name(text: str) -> ast.expr:
    return ast.Name(text, ast.Load())


def _stored_name(text: str) -> ast.expr:
    return ast.Name(text, ast.Store())


def _call(function: str, *args: Any) -> ast.expr:
    return ast.Call(_name(function), [*args], [])


def _method(holder: str, name: str) -> ast.expr:
    return ast.Call(ast.Attribute(_name(holder), name, ast.Load()), [], [])


def _assigned(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([_stored_name(name)], value)


def _unpacked(names: list[str], value: ast.expr) -> list[ast.stmt]:
    return [ast.Assign([ast.Tuple([_stored_name(n) for n in names], ast.Store())], value)] if names else []


def _lazy(body: ast.expr) -> ast.expr:
    return ast.Lambda(ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[]), body)

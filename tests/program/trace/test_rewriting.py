"""Branches are rewritten where the source is the function's, and nothing else is."""

import linecache

import pytest

from fastgrad.program.trace import rewriting
from fastgrad.program.trace.rewriting import rewritten


def branching(x):
    y = x
    if x > 1:
        y = 2
    return y


def plain(x):
    return x


pair = [lambda x: x if x > 1 else 0, lambda x: x if x > 2 else 0]


def rewritten_names(code):
    return {name for name in rewritten(code).co_names if name.startswith("__fg")}


def test_tools_are_called():
    assert rewritten_names(branching.__code__) == {"__fg_both"}
    assert rewritten_names((lambda x: 1 if x > 1 else 0).__code__) == {"__fg_choose"}
    assert rewritten(plain.__code__) is plain.__code__


def test_of_two_lambdas_in_one_line_each_is_its_own():
    first, second = (rewritten(f.__code__) for f in pair)
    consts = [{c for c in code.co_consts if isinstance(c, int)} for code in (first, second)]
    assert consts[0] & {1, 2} == {1}
    assert consts[1] & {1, 2} == {2}


def test_lines_and_variables_stay():
    code = rewritten(branching.__code__)
    assert code.co_firstlineno == branching.__code__.co_firstlineno
    assert code.co_varnames[:2] == ("x", "y")
    assert code.co_freevars == branching.__code__.co_freevars


def test_free_variables_stay_free():
    limit = 2

    def f(x):
        y = 0
        if x > limit:
            y = limit
        return y

    assert rewritten(f.__code__).co_freevars == ("limit",)


def test_what_leaves_or_does_more_is_no_merge():
    def returns(x):
        if x > 1:
            return 1
        return 2

    def breaks(x):
        for v in x:
            if v > 1:
                for w in x:
                    y = w
                break
        return y

    def attributes(x):
        if x > 1:
            x.y = 1
        return x

    def globals_(x):
        global written  # noqa: PLW0603
        if x > 1:
            written = 1
        return x

    for f in (returns, breaks, attributes, globals_):
        assert "__fg_both" not in rewritten(f.__code__).co_names


def test_no_source_no_rewriting(tmp_path):
    scope = {}
    exec("def f(x):\n    return 1 if x > 1 else 0", scope)
    assert rewritten(scope["f"].__code__) is scope["f"].__code__
    path = tmp_path / "module.py"
    path.write_text("def f(x):\n    return 1 if x > 1 else 0\n", encoding="utf-8")
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), scope)
    path.write_text("def f(x):\n    return 7 if x > 5 else 0\n", encoding="utf-8")
    linecache.checkcache()
    assert rewritten(scope["f"].__code__) is scope["f"].__code__
    path.write_text("def f(x:\n", encoding="utf-8")
    linecache.checkcache()
    rewriting._rewritten.cache_clear()
    assert rewritten(scope["f"].__code__) is scope["f"].__code__


@pytest.mark.parametrize(
    "f", [lambda x: x if x > 1 else (yield), lambda x: 1 if (y := x) > 1 else y], ids=["yield", "walrus"]
)
def test_odd_expressions_stay(f):
    assert "__fg_choose" not in rewritten(f.__code__).co_names


written = 0

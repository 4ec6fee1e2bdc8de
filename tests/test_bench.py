"""The arithmetic of the benchmark report; the benchmarks themselves run by `make bench-check`."""

import json
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).parent.parent / "bench"


@pytest.fixture(scope="module")
def report():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCH))
        import report

        yield report


def row(library, turn, seconds, *, share=1.0, size=10):
    info = {"family": "single", "case": "rosenbrock", "size": size, "library": library, "turn": turn}
    return {"extra_info": {**info, "error": 1e-9, "share": share}, "stats": {"min": seconds}}


@pytest.fixture
def run(report, tmp_path):
    """Two turns: fastgrad takes 1 and 2 s, the book's loop 4 and 6 s at half the points; scipy wins at D = 2 only."""
    benchmarks = [row("fastgrad", 0, 2.0), row("fastgrad", 1, 1.0)]
    benchmarks += [row("the book's loop", 0, 2.0, share=0.5), row("the book's loop", 1, 3.0, share=0.5)]
    benchmarks += [row("scipy 2-point", 0, 4.0), row("scipy 2-point", 1, 4.0)]
    benchmarks += [row("fastgrad", 0, 1.0, size=2), row("scipy 2-point", 0, 0.25, size=2)]
    path = tmp_path / "some.json"
    data = {"benchmarks": benchmarks, "missing": {"jacobi": "x"}, "machine": "m", "datetime": "2026-01-02T03"}
    path.write_text(json.dumps(data), encoding="utf-8")
    return report.read(path)


def test_ratios_are_of_the_best_and_spreads_within_a_turn(report, run):
    results = run.results["single", "rosenbrock", 10]
    assert report.ratio(results, "the book's loop") == 4.0
    assert report.spread(results, "the book's loop") == (2.0, 6.0)


def test_break_even_is_interpolated_in_logarithms(report, run):
    curve = report.along(run, "gradient, D variables")
    assert report.wins(curve, "scipy 2-point") == "from 4.5"
    assert report.wins(curve, "the book's loop") == "always, to 10"
    assert report.wins(curve, "JAX, exact") == ""


def test_cells_show_samples_losses_and_what_is_not_installed(report, run):
    cases = {case.size: case for case in report.of_family("single") if case.name == "rosenbrock"}
    assert report.cell(run, cases[10], "the book's loop") == "4 s\\*<br>4.00 (2.00 to 6.00)<br>1e-09"
    assert report.cell(run, cases[2], "scipy 2-point") == "250 ms<br>**0.25** (0.25 to 0.25)<br>1e-09"
    assert report.cell(run, cases[10], "jacobi") == "not installed"
    assert report.cell(run, cases[10], "JAX, exact") == ""


def test_a_part_of_a_run_is_known_as_one(report, run):
    unmeasured = run.unmeasured()
    assert "single rosenbrock 10 JAX, exact" in unmeasured
    assert "single rosenbrock 10 jacobi" not in unmeasured


def test_the_page_has_a_place_for_every_table(report, run):
    page = report.PAGE.read_text(encoding="utf-8")
    for marker in report.sections(run):
        assert page.count(f"<!-- {marker} -->") == page.count(f"<!-- end of {marker} -->") == 1, marker


def test_the_charts_are_drawn_of_a_run(report, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    import charts

    monkeypatch.setattr(charts, "FIGURES", tmp_path)
    rows = {"fastgrad": report.Measured({0: 1.0}), "C": report.Measured({0: 2.0})}
    charts.draw_all(report.Run({(case.family, case.name, case.size): rows for case in report.CASES}, {}, "m", "d"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "bench-dimension.svg",
        "bench-fields.svg",
        "bench-points.svg",
    ]


@pytest.fixture(scope="module")
def headline(report):
    import headline

    return headline


def of_points(report, **seconds):
    results = {library: report.Measured({0: time}) for library, time in seconds.items()}
    return report.Run({("points", "sin_product2", 10**6): results}, {}, "m", "2026-01-02")


def test_the_headline_tells_libraries_of_one_call_from_those_of_one_call_a_point(report, headline):
    run = of_points(report, fastgrad=1.0, C=0.5, **{"JAX, exact": 2.0, "scipy 2-point": 300.0, "the book's loop": 40.0})
    *_, head, _, row = [line.split(" | ") for line in headline.headline(run)]
    assert head[1:] == ["fastgrad", "NumPy by hand", "C", headline.TOGETHER, "others, one call a point |"]
    assert row[1:] == ["1 s", "", "**0.50**", "JAX, exact 2.00", "the book's loop 40; scipy 2-point 300 |"]


def test_the_front_page_has_a_sentence_where_its_row_was_measured(report, headline, run):
    said = " ".join(headline.speed(of_points(report, fastgrad=0.005, C=0.004)))
    assert "at 1,000,000 points take 5 ms. Others take a multiple of that: C 0.80 times. " in said
    assert headline.speed(run) == []


def test_the_front_pages_have_a_place_for_what_is_written_there(report):
    for page, marker in ((report.README, "headline"), (report.FRONT, "speed")):
        text = page.read_text(encoding="utf-8")
        assert text.count(f"<!-- {marker} -->") == text.count(f"<!-- end of {marker} -->") == 1


@pytest.mark.parametrize(
    ("seconds", "words"), [(1.5, "1.5 s"), (0.0994, "99.4 ms"), (0.25, "250 ms"), (3.14159e-6, "3.14 µs")]
)
def test_durations_have_three_digits(report, seconds, words):
    assert report.duration(seconds) == words


@pytest.fixture(scope="module")
def accuracy(report):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCH))
        import accuracy

        yield accuracy


def test_evaluations_are_counted_in_points(accuracy):
    counter = accuracy.Counter(lambda x: x[0] + x[1], 2)
    counter(np.ones(2))
    counter(np.ones((2, 3, 5)))
    assert counter.points == 1 + 15


@pytest.mark.parametrize(
    ("ours", "theirs", "lost"),
    [
        ((1e-14, 10, 1.0), (1e-15, 11, 1.2), []),  # both below the goal
        ((1e-9, 10, 1.0), (6e-10, 9, 2.0), ["evaluations"]),
        ((1e-9, 10, 1.0), (1e-10, 99, 9.0), ["error"]),
        ((1e-14, 10, 1.0), (1e-14, 10, 0.7), ["time"]),
        ((float("nan"), 1, 0.1), (1e-3, 9, 9.0), ["error"]),
        ((1e-14, 99, 9.0), (1e-12, 1, 0.1), []),  # not as exact
    ],
)
def test_what_counts_as_behind(accuracy, ours, theirs, lost):
    row = {"fastgrad, order 2": accuracy.Measured(*ours), "jacobi": accuracy.Measured(*theirs)}
    assert accuracy.lost(row) == lost


def test_a_lost_row_needs_a_reason(accuracy):
    rows = {p.name: {"fastgrad, order 2": accuracy.Measured(1e-14, 1, 1.0)} for p in accuracy.PROBLEMS}
    assert accuracy.reasons(rows) == []
    rows["noisy"]["jacobi"] = accuracy.Measured(1e-14, 9, 0.1)
    assert "noise" in accuracy.reasons(rows)[0]
    rows["product"]["jacobi"] = accuracy.Measured(1e-14, 0, 9.0)
    with pytest.raises(KeyError, match="behind in evaluations"):
        accuracy.reasons(rows)


def test_covered_errors(accuracy):
    honesty = accuracy.Honesty()
    problem = accuracy.Problem("", "", None, np.zeros(3), np.array([1.0, 2.0, 4.0]))
    honesty.add(problem, (np.array([1.1, 2.1, np.nan]), np.array([0.2, 0.05, 1.0])))
    assert (honesty.share, honesty.missing) == (0.5, 1)
    assert np.allclose(honesty.true, [0.1, 0.05])


def test_exact_derivatives_of_the_cases(accuracy):
    """By Richardson extrapolation with each coordinate's own scale, of the library itself."""
    for problem in accuracy.PROBLEMS:
        value, _ = accuracy.LIBRARIES["fastgrad, adaptive"](problem)()
        assert problem.error(value) <= accuracy.ROUGH.get(problem.name, accuracy.AGREE), problem.name


def test_the_accuracy_page_has_a_place_for_every_table(accuracy):
    page = accuracy.PAGE.read_text(encoding="utf-8")
    for marker in ("cases", "estimates", "machine"):
        assert page.count(f"<!-- {marker} -->") == page.count(f"<!-- end of {marker} -->") == 1, marker


def test_case_names_are_unique():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCH))
        from cases import CASES
    names = [(case.family, case.name, case.size) for case in CASES]
    assert len(set(names)) == len(names)

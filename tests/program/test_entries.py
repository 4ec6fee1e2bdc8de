import numpy as np

from fastgrad.program.adjoint import adjoint
from fastgrad.program.code import Code
from fastgrad.program.entries import ENTRY, entry, length, of_table
from fastgrad.program.partials import Partials
from fastgrad.program.program import ZERO, Program, evaluate
from fastgrad.program.schedule import schedule

TABLE = np.array([3.0, -1.0, 4.0, 1.5])


def read(table):
    nodes = ((ENTRY, ("t", table.tobytes()), ("x", 0)), ("*", ("v", 0), ("x", 1)))
    return Program(2, 0, nodes, (("v", 1),), (), ())


def test_places_are_cut_to_whole_numbers_within_the_table():
    for place, wanted in ((0.0, 3.0), (1.9, -1.0), (3.0, 1.5), (99.0, 1.5), (-7.0, 3.0), (np.inf, 1.5), (np.nan, 3.0)):
        assert entry(TABLE.tobytes(), place) == wanted
        assert evaluate(read(TABLE), [place, 2.0]) == [2.0 * wanted]
    assert length(TABLE.tobytes()) == 4
    assert (of_table(TABLE.tobytes())(np.arange(4.0)) == TABLE).all()


def test_entries_of_several_tables_are_read_table_by_table():
    other = np.arange(10.0)
    nodes = tuple(
        (ENTRY, ("t", table.tobytes()), ("x", k)) for k in range(3) for table in (TABLE, other)
    )  # six entries are two steps
    program = Program(3, 0, nodes, tuple(("v", k) for k in range(6)), (6,), ())
    steps = schedule(program)
    assert len(steps.steps) == 2
    assert steps.values(np.array([[0.0, 1.0, 2.0]]).T)[:, 0].tolist() == [3.0, 0.0, -1.0, 1.0, 4.0, 2.0]


def test_programs_of_other_tables_are_others():
    assert read(TABLE).structure == read(TABLE.copy()).structure
    assert read(TABLE).structure != read(TABLE + 1.0).structure


def test_there_is_no_slope_along_a_place():
    program = read(TABLE)
    code = Code(program)
    by_place, by_factor = adjoint(code, program, program.outputs[0], Partials(code, program))
    assert by_place == ZERO
    assert by_factor == ("v", 0)

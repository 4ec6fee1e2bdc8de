"""All cases, family by family.

A new family is a module with `CASES`, named here, and a pair of markers in docs/benchmarks.md.
"""

import branches
import fields
import grids
import likelihoods
import matrices
import points
import process
import readers
import single
import sparsity
import weights
from contest import Case

FAMILIES = (points, branches, single, matrices, sparsity, fields, grids, likelihoods, weights, readers, process)
CASES = tuple(case for family in FAMILIES for case in family.CASES)
TURNS = 3


def smallest() -> list[Case]:
    """One case of each name, for checks of agreement."""
    firsts = {(case.family, case.name): case for case in reversed(CASES) if case.tiny}
    return list(reversed(firsts.values()))

"""What a report says: the elements that are wrong, and the hints."""


def named(report):
    return [(e.name, e.index) for e in report.worst if e.verdict == "wrong"]


def hints(report):
    return " ".join(hint for a in report.arrays for hint in a.hints)

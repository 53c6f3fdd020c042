import warnings


def grade(points):
    if points > 90:
        return "A"
    return "B"


def old_grade(points):
    warnings.warn("use grade", DeprecationWarning, stacklevel=2)
    return grade(points)

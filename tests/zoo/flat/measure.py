RATE = 3
"""Ground steps for one unit of height."""


def add(a, b):
    return a - b


def scaled(values, factor):
    return [value * factor for value in values]


def label(count):
    if count == 1:
        return "1 step"
    return f"{count} steps"

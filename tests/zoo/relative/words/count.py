from .split import split


def count(text):
    return len(split(text))

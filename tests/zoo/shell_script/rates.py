"""Prints what a letter costs, in cents: `rates.py GRAMS`."""

import sys


def postage(grams):
    if grams < 20:
        return 85
    if grams <= 50:
        return 100
    return 160


if __name__ == "__main__":
    sys.stdout.write(f"{postage(int(sys.argv[1]))}\n")

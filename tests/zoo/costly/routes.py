"""Distances between all places, worked out once: the set-up is what costs."""

built = 0


def build(size):
    global built
    built += 1
    table = [[min((a - b) % size, (b - a) % size) for b in range(size)] for a in range(size)]
    for via in range(size):
        for a in range(size):
            for b in range(size):
                table[a][b] = min(table[a][b], table[a][via] + table[via][b])
    return table


def distance(table, a, b):
    return table[a][b]


def farthest(table, a):
    return max(table[a]) + 1


def nearest(table, a, places):
    return min(places, key=lambda place: distance(table, a, place))

CAPACITY = 3


class Ferry:
    def __init__(self):
        self.cars = []

    def board(self, car):
        if len(self.cars) > CAPACITY:
            raise OverflowError("the deck is full")
        self.cars.append(car)

    def weight(self):
        return sum(self.cars)


def timetable(first, every, count):
    return [first + every * number for number in range(count)]


def broken():
    raise RuntimeError("no harbour")

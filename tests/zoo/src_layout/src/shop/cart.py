from shop.prices import price_of


class Cart:
    def __init__(self):
        self.items = []

    def put(self, name, count=1):
        self.items.append((name, count))

    def total(self):
        return sum(price_of(name) for name, count in self.items)

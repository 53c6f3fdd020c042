PRICES = {"pear": 30, "plum": 12}


def price_of(name):
    return PRICES[name]

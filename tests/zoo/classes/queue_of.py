class Queue:
    limit = 2

    def __init__(self):
        self.items = []

    def put(self, item):
        if len(self.items) > self.limit:
            raise OverflowError("full")
        self.items.append(item)

import json


class Shelf:
    opened = 0

    def __init__(self, path):
        type(self).opened += 1
        self.path = path
        self.rows = json.loads(path.read_text())

    def add(self, row):
        self.rows.append(row)

    def first(self):
        return self.rows[1]

    def close(self):
        self.path.write_text(json.dumps(self.rows))

TABLES = ["CREATE TABLE goods (name TEXT PRIMARY KEY, count INTEGER)"]

connection = None


def put(name, count):
    known = count_of(name)
    if known:
        connection.execute("UPDATE goods SET count = ? WHERE name = ?", (known - count, name))
    else:
        connection.execute("INSERT INTO goods VALUES (?, ?)", (name, count))


def count_of(name):
    row = connection.execute("SELECT count FROM goods WHERE name = ?", (name,)).fetchone()
    return row[0] if row else 0


def label(name):
    return name.strip().title()

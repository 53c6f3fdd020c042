"""Stands for a web framework's plugin: one database for the session, what a test writes is rolled back, others must not touch it."""
import sqlite3

import pytest


def pytest_addoption(parser):
    parser.addini("BASE_TABLES", "the module that names the tables")


def pytest_configure(config):
    config.addinivalue_line("markers", "base: wants the database")
    config.base_set_up = 0


class Closed:
    def execute(self, *_):
        raise RuntimeError("mark the test with base")


@pytest.fixture(scope="session")
def _base(request):
    tables = __import__(request.config.getini("BASE_TABLES"))
    request.config.base_set_up += 1
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in tables.TABLES:
        connection.execute(statement)
    yield connection
    assert not connection.in_transaction
    connection.close()


@pytest.fixture(autouse=True)
def _transaction(request):
    import goods

    goods.connection = Closed()
    if request.node.get_closest_marker("base") is None:
        yield
        return
    goods.connection = request.getfixturevalue("_base")
    goods.connection.execute("BEGIN")
    yield
    goods.connection.execute("ROLLBACK")
    goods.connection = Closed()

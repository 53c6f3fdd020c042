import os

import pytest


def pytest_addoption(parser):
    parser.addini("SITE_SETTINGS", "the module with the settings")


def pytest_load_initial_conftests(early_config):
    os.environ.setdefault("SITE_SETTINGS", early_config.getini("SITE_SETTINGS"))


def pytest_configure(config):
    import framework

    framework.setup()
    config.addinivalue_line("markers", "database: wants the database")


@pytest.fixture(autouse=True)
def _database(request):
    if request.node.get_closest_marker("database") is None:
        yield None
        return
    yield request.getfixturevalue("connection")


@pytest.fixture(scope="session")
def connection():
    return {"rows": []}

import pytest
from routes import build

handed_out = []


@pytest.fixture(scope="session")
def table():
    made = build(60)
    yield made
    assert made[0][0] == 0
    assert len(handed_out) >= 1


@pytest.fixture
def own_table(table):
    handed_out.append(table)
    return [list(row) for row in table]


@pytest.fixture(scope="session", autouse=True)
def _order(tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "built.txt"
    log.write_text("up\n")
    yield
    assert log.read_text() == "up\n"

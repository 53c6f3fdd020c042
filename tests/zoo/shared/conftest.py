import os

import pytest
from shelf import Shelf


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("shelves")


@pytest.fixture(scope="session")
def shelf(folder):
    path = folder / "rows.json"
    path.write_text('["a", "b"]')
    made = Shelf(path)
    yield made
    made.close()
    assert path.read_text().startswith("[")


@pytest.fixture(scope="module", autouse=True)
def place():
    before = os.environ.get("SHELF_PLACE")
    os.environ["SHELF_PLACE"] = "hall"
    yield
    assert before is None
    del os.environ["SHELF_PLACE"]


@pytest.fixture(scope="class")
def label(request):
    return request.cls.__name__.lower()


@pytest.fixture(params=["left", "right"], scope="module")
def side(request):
    return request.param

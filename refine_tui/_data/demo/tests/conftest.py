import pytest

from toolshed.members import FRIEND, Member
from toolshed.tools import Catalogue, Tool


@pytest.fixture
def drill():
    return Tool("D1", "drill", "power tools", daily_fee=150, deposit=4000)


@pytest.fixture
def ladder():
    return Tool("L1", "ladder", "climbing", daily_fee=100, deposit=2500)


@pytest.fixture
def saw():
    return Tool("S1", "jigsaw", "power tools", daily_fee=120, deposit=3000)


@pytest.fixture
def rake():
    return Tool("R1", "rake", "garden", daily_fee=50, deposit=500)


@pytest.fixture
def catalogue(drill, rake, ladder, saw):
    return Catalogue([drill, ladder, rake, saw])


@pytest.fixture
def ada():
    return Member("Ada")


@pytest.fixture
def ben():
    return Member("Ben", tier=FRIEND)

import pytest
from grade import grade, old_grade


@pytest.mark.quick
def test_border():
    assert grade(90) == "A"


@pytest.mark.timeout(3)
@pytest.mark.xdist_group("one")
def test_high():
    assert grade(95) == "A"


def test_low():
    assert grade(10) == "B"


def test_warning_is_an_error():
    assert old_grade(95) == "A"

import pytest
from goods import count_of, label, put


@pytest.mark.base
def test_put():
    put("nails", 10)
    assert count_of("nails") == 10


@pytest.mark.base
def test_put_more():
    put("nails", 10)
    put("nails", 5)
    assert count_of("nails") == 15


@pytest.mark.base
def test_nothing_is_left():
    assert count_of("nails") == 0


@pytest.mark.base
def test_set_up_once(request):
    assert request.config.base_set_up == 1


def test_label():
    assert label(" long nails") == "Long Nails"


def test_may_not():
    with pytest.raises(RuntimeError, match="mark the test"):
        put("nails", 1)

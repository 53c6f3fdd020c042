from fine import half


def test_half():
    assert half(3) == 1.5

from fine import third


def test_third():
    assert third(3) == 1

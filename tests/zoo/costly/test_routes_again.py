import routes


def test_others_changed_their_own(table):
    assert table[0][55] == 5


def test_still_set_up_once(table):
    assert routes.built == 1

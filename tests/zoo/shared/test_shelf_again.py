def test_is_the_same(shelf, request):
    assert shelf.rows[:2] == ["a", "b"]


def test_place(monkeypatch):
    monkeypatch.setenv("SHELF_PLACE", "attic")

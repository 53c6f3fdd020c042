import pytest
from stock.models import Item


@pytest.fixture
def nails(db):
    return Item.objects.create(name="nails", count=10)


def test_take(nails):
    nails.take(4)
    assert Item.objects.get(name="nails").count == 6


def test_too_many(nails):
    with pytest.raises(ValueError, match="only 10 left"):
        nails.take(11)


@pytest.mark.django_db
def test_nothing_is_left():
    assert Item.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_take_all():
    item = Item.objects.create(name="screws", count=3)
    item.take(3)
    assert Item.objects.get(name="screws").count == 0


def test_may_not():
    with pytest.raises(RuntimeError, match="Database access not allowed"):
        Item.objects.count()

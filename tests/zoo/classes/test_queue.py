import pytest
from queue_of import Queue


class TestQueue:
    @pytest.fixture(autouse=True)
    def queue(self):
        self.queue = Queue()

    class TestPut:
        def test_one(self):
            queue = Queue()
            queue.put(1)
            assert queue.items == [1]

    def test_limit(self):
        self.queue.put(1)
        self.queue.put(2)
        with pytest.raises(OverflowError):
            self.queue.put(3)

    @pytest.mark.xfail(reason="later")
    def test_later(self):
        assert self.queue.take() == 1

    @pytest.mark.xfail(strict=True)
    def test_strict(self):
        assert self.queue.items == []

    @pytest.mark.xfail
    def test_unexpected(self):
        assert True

    @pytest.mark.skipif(True, reason="never")
    def test_never(self):
        raise AssertionError

    def test_message(self):
        assert self.queue.items == [1], "the queue is empty"

    def test_texts(self):
        assert "a\nb\n" == "a\nc\n"

    def test_deep(self):
        def deep(number):
            return deep(number + 1)

        assert deep(0)

import unittest

import ferry


class OnBoard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.times = ferry.timetable(8, 2, 3)

    def setUp(self):
        self.ferry = ferry.Ferry()

    def test_full(self):
        for car in range(ferry.CAPACITY):
            self.ferry.board(car)
        with self.assertRaises(OverflowError):
            self.ferry.board(4)

    def test_weight(self):
        self.ferry.board(2)
        self.assertEqual(self.ferry.weight(), 2)

    def test_times(self):
        self.assertEqual(self.times, [8, 10, 12])

    def test_unexpected(self):
        self.assertTrue(self.times)

    test_unexpected = unittest.expectedFailure(test_unexpected)


class NoHarbour(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        ferry.broken()

    def test_one(self):
        pass

    def test_two(self):
        pass


class Later(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise unittest.SkipTest("not yet")

    def test_later(self):
        raise AssertionError


class Leaves(unittest.TestCase):
    @classmethod
    def tearDownClass(cls):
        ferry.broken()

    def test_first(self):
        pass

    def test_last(self):
        pass


class Waits(unittest.IsolatedAsyncioTestCase):
    async def test_answer(self):
        self.assertEqual(ferry.Ferry().weight(), 1)

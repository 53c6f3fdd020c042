import unittest

from stack import Stack


class StackTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = Stack()

    def setUp(self):
        self.stack = Stack()

    def test_pop_returns_last(self):
        self.stack.push(1)
        self.stack.push(2)
        self.assertEqual(self.stack.pop(), 2)

    def test_len(self):
        self.assertEqual(len(self.stack), 0)

    def test_empty(self):
        with self.assertRaises(IndexError):
            self.stack.pop()

    def test_parts(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertLess(number, 2)

    @unittest.expectedFailure
    def test_expected(self):
        self.assertTrue(self.made)

    @unittest.skip("later")
    def test_later(self):
        raise AssertionError

from datetime import date

import pytest

from toolshed.loans import Loan, LoanBook, LoanRefused

MONDAY = date(2026, 6, 1)
DUE = date(2026, 6, 8)


def test_a_loan_is_not_overdue_the_day_before(drill, ada):
    assert not Loan(drill, ada, DUE).is_overdue(date(2026, 6, 7))


def test_a_loan_is_not_overdue_on_the_due_day(drill, ada):
    assert not Loan(drill, ada, DUE).is_overdue(DUE)


def test_a_loan_is_overdue_the_day_after(drill, ada):
    assert Loan(drill, ada, DUE).is_overdue(date(2026, 6, 9))


def test_days_late_are_counted_from_the_due_day(drill, ada):
    loan = Loan(drill, ada, DUE)
    assert (loan.days_late(MONDAY), loan.days_late(date(2026, 6, 12))) == (0, 4)


def test_a_tool_is_lent_again_once_it_is_back(drill, ada, ben):
    book = LoanBook()
    book.lend(drill, ada, MONDAY, days=3)
    with pytest.raises(LoanRefused, match="drill is out"):
        book.lend(drill, ben, MONDAY, days=3)
    assert book.take_back(drill).member == ada
    assert book.lend(drill, ben, MONDAY, days=20).due == date(2026, 6, 15)


def test_the_longest_overdue_comes_first(drill, ladder, rake, ben):
    book = LoanBook()
    book.lend(drill, ben, MONDAY, days=5)
    book.lend(ladder, ben, MONDAY, days=2)
    book.lend(rake, ben, MONDAY, days=7)
    assert [loan.tool for loan in book.overdue(DUE)] == [ladder, drill]

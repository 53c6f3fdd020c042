from datetime import date

from toolshed.loans import LoanBook
from toolshed.report import categories, door_list, summary


def test_the_door_list_goes_from_a_to_z(catalogue, saw, ada):
    book = LoanBook()
    book.lend(saw, ada, date(2026, 6, 1), days=3)
    assert door_list(catalogue, book) == ["climbing: ladder", "garden: rake", "power tools: drill, jigsaw*"]


def test_categories_go_from_a_to_z(catalogue):
    assert categories(catalogue) == ["climbing", "garden", "power tools"]


def test_the_summary_counts_what_is_out(catalogue, drill, ada):
    book = LoanBook()
    book.lend(drill, ada, date(2026, 6, 1), days=3)
    assert summary(catalogue, book) == "4 tools in 3 categories, 1 out"

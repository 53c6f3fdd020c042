import pytest

from toolshed.tools import Tool


def test_a_tool_is_found_however_its_code_is_typed(catalogue, drill):
    assert catalogue.find(" d1 ") == drill


def test_a_code_is_given_only_once(catalogue):
    with pytest.raises(ValueError, match="D1"):
        catalogue.add(Tool("D1", "drum sander", "power tools"))


def test_every_word_of_a_search_must_match(catalogue, saw):
    assert catalogue.search("Power SAW") == [saw]

from toolshed.members import Member


def test_a_neighbour_may_borrow_a_second_tool(ada):
    assert ada.may_borrow(1)


def test_a_neighbour_may_not_borrow_a_third_tool(ada):
    assert not ada.may_borrow(2)


def test_a_friend_has_up_to_four_tools(ben):
    assert [ben.may_borrow(out) for out in (2, 3, 4, 5)] == [True, True, False, False]


def test_a_suspended_member_may_not_borrow():
    assert not Member("Cleo", suspended=True).may_borrow(0)


def test_the_card_says_what_the_tier_allows(ada, ben):
    assert ada.card() == "Ada: 2 tools at a time, 7 days each"
    assert ben.card() == "Ben: 4 tools at a time, 14 days each"

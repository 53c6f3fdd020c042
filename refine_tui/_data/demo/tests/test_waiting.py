from toolshed.members import Member
from toolshed.waiting import WaitingList


def test_joining_twice_keeps_the_place(drill, ada, ben):
    waiting = WaitingList()
    assert [waiting.join(drill, member) for member in (ada, ben, ada)] == [1, 2, 1]


def test_a_suspended_member_is_not_called(drill, ben):
    waiting = WaitingList()
    waiting.join(drill, Member("Cleo", suspended=True))
    waiting.join(drill, ben)
    assert waiting.call_next(drill) == ben
    assert waiting.call_next(drill) is None

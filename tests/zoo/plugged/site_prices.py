from framework import settings

DEFAULT_RATE = settings().RATE


def gross(net):
    return net + net * DEFAULT_RATE // 10

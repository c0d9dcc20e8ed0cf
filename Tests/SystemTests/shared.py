"""One `estiba up` for all test cases that leave it as they found it."""

import atexit
import unittest

import estiba

_up = None


def installation():
    global _up
    if _up is None:
        _up = estiba.Up(nodes=3)
        atexit.register(_up.stop)
    return _up


class Case(unittest.TestCase):
    """A test case with a running installation in `self.up`."""

    @classmethod
    def setUpClass(cls):
        cls.up = installation()

    def node_home(self, node, user="root"):
        return self.up.folder / "nodes" / node / "home" / user

"""One installation and one account for all tests of a run, made when first asked for."""

import atexit
import functools

from installation import Account, Installation


@functools.cache
def installation():
    made = Installation()
    atexit.register(made.stop)
    return made


@functools.cache
def account():
    made = Account()
    atexit.register(made.remove)
    return made

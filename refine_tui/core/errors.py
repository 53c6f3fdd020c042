"""The one tree of exceptions.

An *outcome* (a test failed, a patch was refused by the syntax gate, a budget ran out) is a value.
An *error* means the work could not be done at all; its message says what failed, on what, and what to do next.

RefineError
├── UsageError            wrong arguments or configuration                                  exit status 2
├── ProjectError          the project cannot be read, has no tests, cannot be collected      exit status 2
├── SafetyError           refused for safety                                                exit status 3
│   ├── StaleBaseError    the file is not the one the patch was made for
│   └── IsolationError    no isolation level that may run code
├── ModelError            a model file, the model worker or a model server
│   ├── UnknownModelError no model of that name                                            exit status 2
│   └── NetworkError      another machine cannot be reached or breaks off
├── RunnerError           the process that runs tests broke (not: a test failed)
└── StorageError          the journal or the user's disk
"""


class RefineError(Exception):
    """Base of every error this program raises on purpose."""

    exit_status = 1


class UsageError(RefineError):
    """Raised when arguments or configuration are wrong."""

    exit_status = 2


class ProjectError(RefineError):
    """Raised when the project cannot be worked on: unreadable, no tests, not collectable, no pytest."""

    exit_status = 2


class SafetyError(RefineError):
    """Raised when going on could harm the user's files or machine."""

    exit_status = 3


class StaleBaseError(SafetyError):
    """Raised when a patch meets a file other than the one it was made for."""


class IsolationError(SafetyError):
    """Raised when no isolation level that may run code is available."""


class ModelError(RefineError):
    """Raised when a model file is unusable or the model worker or server cannot go on."""


class UnknownModelError(ModelError):
    """Raised when there is no model of a name that was given."""

    exit_status = 2


class NetworkError(ModelError):
    """Raised when a machine that has a model cannot be reached, or breaks off."""


class RunnerError(RefineError):
    """Raised when the process that runs tests breaks, as opposed to a test that fails."""


class StorageError(RefineError):
    """Raised when the journal or the user's disk refuses."""

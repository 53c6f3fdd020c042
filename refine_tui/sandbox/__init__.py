"""Where code of the project runs: isolation levels, work copies, limits, process supervision."""

from refine_tui.sandbox.opening import open_sandbox

__all__ = ["open_sandbox"]

"""Where code of the project runs: isolation levels, work copies, limits, process supervision."""

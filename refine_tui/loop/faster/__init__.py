"""`fix --faster`: generations of rewrites of one function, compared by cost where tests and recorded behaviour stay the same."""

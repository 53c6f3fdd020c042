"""Runs the project's own tests on candidates, warm where that is safe, cold where proof is wanted."""

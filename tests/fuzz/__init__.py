"""Fuzzing of the reader of records: a few seconds in the suite, minutes by hand."""

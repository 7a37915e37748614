"""Bytes at random, shaped by what they reach, against all that reads what strangers send."""

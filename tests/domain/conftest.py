"""Hypothesis settings for the tests of this folder: no deadline, for machines are slow at times."""

from hypothesis import settings

settings.register_profile("c8ybin", deadline=None, max_examples=100)
settings.load_profile("c8ybin")

"""Values and rules: pure, without input or output.

Identifiers, times, byte ranges, media types and names, event documents, queries
and the errors that the other rooms raise.
"""

"""The commands that are clients of a server, be it a c8ybin or a Cumulocity tenant.

Their options are no environment variables, but for what `places.py` reads; what is slow to import, the
client itself and rich, is imported by a command when it runs.
"""

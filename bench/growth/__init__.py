"""The simulation that `scripts/growth` runs: how c8ybin grows over hosts and events on distributed file systems.

`count.py` takes the operations of a request by strace, `probe.py` what each costs on a file system; `drive.py` starts a
server, and `observe.py` loads some to hold the model against. `measured.json` holds what they found, with its sources.
`inputs.py` makes costs of requests of it, `model.py` stations at which requests wait, `queues.py` solves these.
`recovery.py` is about what fails, `replacements.py` about what could take the place of what breaks first,
`validation.py` about what was measured and is no input. `tables.py` and `plot.py` show it.
"""

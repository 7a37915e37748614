"""The comparison that `scripts/bench` runs: c8ybin beside other upload servers and beside the floor.

`scripts/generate` fills a data directory: `fleet.py` makes the events, `generate.py` writes them.

`load.c` makes the load, `floor.c` and `wire.c` are the floors, `tools.py` gets and compiles what is
needed. `peers.py` knows the servers (`servers.py` starts them), `workloads.py` names what is done to
them, `sampling.py` does it, `measure.py` reads CPU time and memory, `figures.py` takes medians and
ratios, `report.py` and `plot.py` show them.
"""

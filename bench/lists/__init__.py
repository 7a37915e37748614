"""The bench that `scripts/bench-lists` runs: what a list costs over the number of events.

`works.py` names what is measured and what is to be reached; `site.py` is a data directory of a size with its
server; `sampling.py` does a work on one, `upkeep.py` what is done once: start, reindex, counting inodes.
`figures.py` takes medians and ratios, `report.py` and `plot.py` show them. The data comes from `bench/generate.py`.
"""

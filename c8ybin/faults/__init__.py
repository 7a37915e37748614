"""What goes wrong on purpose, so that a client's own retries can be tried; only with `--demo`.

fault.py     what can go wrong, as a header or a document says it
plan.py      what is to go wrong with the next requests, for all processes of a server
"""

from c8ybin.faults.fault import CUTS, NUMBERS, Cut, Fault, fault_of_header
from c8ybin.faults.plan import Plan, Planned, planned_of_document

__all__ = ["CUTS", "NUMBERS", "Cut", "Fault", "Plan", "Planned", "fault_of_header", "planned_of_document"]

"""The doctor finds all that the store rests on between two hosts: their mounts are those that the documents promise."""

from bed import Bed

from c8ybin.probes.examining import examine


def test_the_doctor_lets_the_store_live_there(bed: Bed) -> None:
    here, there, *_ = bed.mounts.values()
    refusals = [f"{row.title}: {row.figure}" for row in examine(here, there) if row.is_refusal]
    assert refusals == []

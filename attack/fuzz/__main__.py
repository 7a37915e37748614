"""`python -m attack.fuzz TARGET SECONDS FOLDER`: fuzz one target in this process.

By atheris where it can be imported, which is led by the branches that an input takes; else by hypothesis. The last
line tells how many inputs there were. Ends with another code than 0 where one did what is not documented; the input
is told, and a file in FOLDER.
"""

import os
import sys
import time
import traceback
from pathlib import Path
from random import Random

from attack.fuzz.seeds import SEEDS

_LONGEST = 8192
_TAKES_TOO_LONG_S = 5
_EXAMPLES = 500


def _with_atheris(name: str, seconds: int, folder: Path) -> None:
    import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

    with atheris.instrument_imports(include=["c8ybin", "waitress"], enable_loader_override=False):
        from attack.fuzz.targets import TARGETS
    target = TARGETS[name]
    corpus = folder / f"corpus-{name}"
    corpus.mkdir(exist_ok=True)
    for number, seed in enumerate(SEEDS[name]):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={_LONGEST}",
        f"-timeout={_TAKES_TOO_LONG_S}",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        "-verbosity=0",
        f"-artifact_prefix={folder}/fault-{name}-",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target)
    atheris.Fuzz()


def _changed(random: Random, seeds: tuple[bytes, ...]) -> bytes:
    """Make an input of seeds: pieces of two of them, some bytes changed, doubled or left out."""
    first, second = random.choice(seeds), random.choice(seeds)
    data = bytearray(first[: random.randrange(len(first) + 1)] + second[random.randrange(len(second) + 1) :])
    for _ in range(random.randrange(6)):
        place = random.randrange(len(data) + 1)
        piece = random.choice((b"\r\n", b"\0", b"--", b'"', b"\\", b"%", b"=", b"\xff", random.randbytes(1)))
        data[place : place + random.randrange(3)] = piece * random.choice((1, 1, 1, 2, 70))
    return bytes(data[:_LONGEST])


def fuzz_by_hypothesis(name: str, seconds: int, first_seed: int | None = None) -> int:
    """Fuzz a target in this process; return how many inputs there were.

    Raises:
        Exception: What an input raised that it should not have.
    """
    from hypothesis import HealthCheck, Phase, given, seed, settings
    from hypothesis import strategies as st

    from attack.fuzz.targets import TARGETS

    target, count = TARGETS[name], 0
    inputs = st.one_of(
        st.binary(max_size=_LONGEST),
        st.integers(0, 2**64).map(lambda number: _changed(Random(number), SEEDS[name])),
    )
    end = time.monotonic() + seconds

    @settings(
        max_examples=_EXAMPLES,
        deadline=_TAKES_TOO_LONG_S * 1000,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    def takes(data: bytes) -> None:
        nonlocal count
        count += 1
        target(data)

    for one in SEEDS[name]:
        target(one)
    number = Random().randrange(2**32) if first_seed is None else first_seed
    while True:
        seed(number)(takes)()
        number += 1
        if time.monotonic() > end:
            return count


def main() -> int:
    """Fuzz what the arguments say."""
    name, seconds, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    if os.environ.get("C8YBIN_FUZZ_BY") == "atheris":
        _with_atheris(name, seconds, folder)
        return 0
    try:
        count = fuzz_by_hypothesis(name, seconds)
    except Exception:
        (folder / f"fault-{name}").write_text(traceback.format_exc())
        sys.stdout.write(traceback.format_exc())
        return 1
    sys.stdout.write(f"stat::number_of_executed_units: {count}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

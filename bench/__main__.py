"""`python -m bench`: every measurement beside its floor of the same run (docs/benchmarks.md)."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from bench import acquired, archive, backups, changes, exports, files, growth, pages, webhooks
from bench.plan import Bench

MEASUREMENTS: dict[str, Callable[[Bench], None]] = {
    "pages": pages.against_floor,
    "total": pages.against_own,
    "growth": growth.every_filter,
    "files": files.against_nginx,
    "tls": files.against_plain_http,
    "memory": archive.memory,
    "zip": archive.rate,
    "acquisition": acquired.against_floor,
    "parallel": acquired.at_a_time,
    "changes": changes.against_floor,
    "exports": exports.against_floor,
    "webhooks": webhooks.against_floor,
    "backups": backups.against_tar,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="everything once over next to nothing; says nothing")
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, metavar="NAME", help=", ".join(MEASUREMENTS))
    parser.add_argument("--rows", type=int, default=1_000_000, help="run captures in the large data set")
    parser.add_argument("--rounds", type=int, help="rounds of each measurement")
    parser.add_argument("--folder", type=Path, default=Path("bench/results"), help="where data sets are kept")
    parser.add_argument("--json", type=Path, help="where the figures go (FOLDER/latest.json)")
    return parser.parse_args()


def main() -> None:
    """Measures what is asked for; a target that is missed is not a failure of the benchmark."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that no server is left behind
    folder = arguments.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench.quick(folder) if arguments.quick else Bench.full(folder, arguments.rows)
    if arguments.rounds:
        bench = bench.with_rounds(arguments.rounds)
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    for name in arguments.only or MEASUREMENTS:
        print(name, flush=True)
        MEASUREMENTS[name](bench)
    bench.report.show()
    bench.report.write(arguments.json or folder / "latest.json")


if __name__ == "__main__":
    main()

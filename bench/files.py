"""Files over TLS: small and large ones against nginx, and over HTTPS against our own plain HTTP."""

import sqlite3
from contextlib import closing

from bench import dataset, processes
from bench.load import rate, transfer
from bench.plan import Bench
from bench.report import Result
from roundsman.captures.urls import capture_url
from roundsman.kit.times import iso

COLUMNS = "robot_nickname, time_us, action_name, channel_name, uuid, file_name, blob_sha256"


def _file(data: dataset.Folder, size_bytes: int) -> tuple[str, str]:
    """Our address of a file of that size, and where it lies among the blobs."""
    with closing(sqlite3.connect(data.database)) as database:
        found = database.execute(f"SELECT {COLUMNS} FROM run_captures WHERE size_bytes = ?", (size_bytes,))
        robot, time_us, action, channel, uuid, name, sha256 = found.fetchone()
    return capture_url(robot, iso(time_us), action, channel, uuid, name), f"/{sha256[:2]}/{sha256}"


def against_nginx(bench: Bench) -> None:
    """The same bytes out of the same folder with the same certificate; nginx does not ask who asks for them."""
    if processes.nginx_binary() is None:
        bench.report.skip("files against nginx", "nginx is not installed")
        return
    data = dataset.files(bench.folder, bench.files)
    tls = data.path / "tls"
    with (
        processes.roundsman(data.path) as server,
        processes.nginx(data.path / "blobs", data.path / "nginx", tls / "server.pem", tls / "server-key.pem") as nginx,
    ):
        path, name = _file(data, dataset.SMALL_BYTES)
        rounds = bench.alternate(
            lambda: rate(bench, server.url + path, data.headers), lambda: rate(bench, nginx + name)
        )
        bench.report.add(Result.of("file of 200 kB, against nginx", rounds, "/s", 0.7))
        path, name = _file(data, dataset.LARGE_BYTES)
        rounds = bench.alternate(
            lambda: transfer(bench, server.url + path, data.headers), lambda: transfer(bench, nginx + name)
        )
        bench.report.add(Result.of("file of 20 MB, against nginx", rounds, "MB/s", 1.0))


def against_plain_http(bench: Bench) -> None:
    """What TLS costs a file of 200 kB."""
    data = dataset.files(bench.folder, bench.files)
    path, _ = _file(data, dataset.SMALL_BYTES)
    with processes.roundsman(data.path) as server, processes.roundsman(data.path, plain=True) as plain:
        rounds = bench.alternate(
            lambda: rate(bench, server.url + path, data.headers), lambda: rate(bench, plain.url + path, data.headers)
        )
        bench.report.add(Result.of("file of 200 kB over HTTPS, against plain HTTP", rounds, "/s", 0.75))

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportMissingTypeStubs=false
"""The least program that acquires: the official client reads, a thread for each robot; the floor's 16 writers write.

It hashes nothing, indexes nothing, and could neither go on after a cut nor tell what it has. What it costs more than
the floor alone is what robots, network and protocol cost on this machine.
Run as a program, `python -m bench.fetched FOLDER < FLEET`, it prints captures a second.
"""

import json
import queue
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bosdyn.api.data_acquisition_store_pb2 import QueryParameters
from bosdyn.client import create_standard_sdk
from bosdyn.client.data_acquisition_store import DataAcquisitionStoreClient

from bench import durable

WRITERS = 16
File = tuple[str, bytes]
Files = queue.Queue[File | None]


def _client(robot: dict[str, str], ca_file: str) -> DataAcquisitionStoreClient:
    host, _, port = robot["hostname"].partition(":")
    sdk = create_standard_sdk("bench")
    sdk.cert = Path(ca_file).read_bytes()
    spot = sdk.create_robot(host)
    spot.update_secure_channel_port(int(port))
    spot.authenticate(robot["username"], robot["password"])
    return spot.ensure_client(DataAcquisitionStoreClient.default_service_name)


def _read(client: DataAcquisitionStoreClient, nickname: str, files: Files) -> int:
    """Reads all captures of one robot, each answer behind the last capture of the one before; how many."""
    count = last_id = 0
    while True:
        query = QueryParameters(include_images=True, include_data=True, captures_from_id=last_id)
        new = [one for one in client.query_stored_captures(query).results if one.data_id.id > last_id]
        if not new:
            return count
        for one in new:
            files.put((f"{nickname}-{one.data_id.id}", one.image.image.data or one.data.data))
        count, last_id = count + len(new), new[-1].data_id.id


def _per_s(folder: Path, fleet: dict[str, Any]) -> float:
    files = Files(2 * WRITERS)
    clients = {robot["nickname"]: _client(robot, fleet["caFile"]) for robot in fleet["robots"]}
    with durable.committing(folder) as rows, ThreadPoolExecutor(len(clients) + WRITERS) as threads:
        start = time.perf_counter()
        writers = [threads.submit(durable.write_all, folder, iter(files.get, None), rows) for _ in range(WRITERS)]
        readers = [threads.submit(_read, client, nickname, files) for nickname, client in clients.items()]
        count = sum(reader.result() for reader in readers)
        for _ in writers:
            files.put(None)
        for writer in writers:
            writer.result()
        return count / (time.perf_counter() - start)


def captures_per_s(folder: Path, fleet: dict[str, Any]) -> float:
    """Captures a second that such a program makes durable in `folder`, in a process of its own as the server is."""
    command = [sys.executable, "-m", "bench.fetched", str(folder)]
    return float(subprocess.run(command, input=json.dumps(fleet), stdout=subprocess.PIPE, text=True, check=True).stdout)


if __name__ == "__main__":
    print(_per_s(Path(sys.argv[1]), json.load(sys.stdin)))

"""What is done with backups by the official clients, as the example program does it. Source: scout-api.md §2.17."""

import time
from typing import Any

from tests.clients.official import Answer, OfficialClient, names_of
from tests.clients.site import Site

PATIENCE_S = 30


def ok(answer: Answer) -> Any:
    """The JSON of a response that is 200."""
    assert (answer.kind, answer.status) == ("response", 200), answer
    return answer.json


def asked(client: OfficialClient) -> str:
    """The id of a backup of everything."""
    task = ok(client.post_backup_task(True, True))["data"]
    assert (task["error"], task["params"]) == ("", {"includeMissions": True, "includeCaptures": True})
    return task["taskId"]


def completed(client: OfficialClient, task_id: str) -> dict[str, Any]:
    """The task once it is over: the example program asks again and again, too."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        task = ok(client.get_resource(f"backup_tasks/{task_id}"))
        assert not task["error"], task
        if task["status"] == "Completed":
            return task
        time.sleep(0.05)
    raise AssertionError(f"not completed after {PATIENCE_S} s")


def backup(client: OfficialClient, site: Site) -> None:
    """Asked for, made, fetched, removed."""
    task_id = asked(client)
    task = completed(client, task_id)
    known = names_of(client.name)
    if "get_backup_task" in known:
        assert ok(client.get_backup_task(task_id)) == task
    if "get_backup" in known:
        answer = client.get_backup(task_id)
        assert (answer.kind, answer.status, answer.size_bytes) == ("response", 200, task["size"])
        assert (answer.headers or {})["content-type"] == "application/x-tar"
    assert task in ok(client.get_resource("backup_tasks"))
    assert client.delete_backup(task_id).status == 200
    assert client.delete_backup(task_id).status == 404


BACKUPS = dict.fromkeys(("post_backup_task", "get_backup_task", "get_backup", "delete_backup"), backup)

"""Runs inside one official client's own environment and does what the test tells it, a JSON line at a time.

It imports nothing but the standard library and the client. A call is
`{"on": "module"|"client"|"utils", "name": str, "args": [...], "kwargs": {...}}`; the strings "$client" and "$last" in
`args` stand for the client and for what the last call returned. `create` makes the client.
"""

import importlib
import json
import os
import sys


def shown(value):
    """What a call returned, as JSON: a response of `requests`, a plain value, or the name of its type."""
    if hasattr(value, "status_code"):
        streamed = value.raw is not None and not value._content_consumed
        body = "" if streamed else value.text
        return {"kind": "response", "status": value.status_code, "headers": dict(value.headers), "text": body,
                "size_bytes": 0 if streamed else len(value.content), "url": value.url,
                "method": value.request.method}  # fmt: skip
    try:
        json.dumps(value)
        return {"kind": "value", "value": value}
    except TypeError:
        return {"kind": "object", "type": type(value).__name__, "text": str(value)}


class Driver:
    def __init__(self, package):
        self.package = package  # "scout" or "orbit"
        self.module = importlib.import_module(f"bosdyn.{package}.client")
        self.utils = importlib.import_module(f"bosdyn.{package}.utils")
        self.client = None
        self.last = None

    def create(self, hostname, verify):
        maker = getattr(self.module, "ScoutClient", None) or self.module.Client
        self.client = maker(hostname=hostname, verify=verify)

    def filled(self, value):
        return {"$client": self.client, "$last": self.last}.get(value, value) if isinstance(value, str) else value

    def call(self, request):
        if request["name"] == "create":
            return self.create(*request["args"])
        target = {"client": self.client, "utils": self.utils, "module": self.module}[request["on"]]
        args = [self.filled(value) for value in request["args"]]
        self.last = getattr(target, request["name"])(*args, **request["kwargs"])
        return self.last


def main():
    answers = os.fdopen(os.dup(1), "w")
    sys.stdout = sys.stderr  # what the client prints is for people
    driver = Driver(sys.argv[1])
    for line in sys.stdin:
        try:
            answer = shown(driver.call(json.loads(line)))
        except Exception as error:
            answer = {"kind": "error", "type": type(error).__name__, "text": str(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


main()

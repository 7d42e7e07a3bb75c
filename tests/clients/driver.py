"""Runs inside one official client's own environment and does what the test tells it, a JSON line at a time.

It imports nothing but the standard library and the client. A call is
`{"on": "module"|"client"|"utils"|"parser", "name": str, "args": [...], "kwargs": {...}}`; the strings "$client",
"$last" and "$parser" in `args` stand for the client, for what the last call returned and for an argument parser.
`create` makes the client, `names` tells what there is to call.
"""

import argparse
import importlib
import inspect
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


def functions(owner, home):
    """The public functions of a module or class that come from a module whose name begins with `home`."""
    found = inspect.getmembers(owner, inspect.isfunction)
    return [name for name, one in found if one.__module__.startswith(home) and not name.startswith("_")]


class Driver:
    def __init__(self, package):
        self.package = package  # "scout" or "orbit"
        self.module = importlib.import_module(f"bosdyn.{package}.client")
        self.utils = importlib.import_module(f"bosdyn.{package}.utils")
        self.maker = getattr(self.module, "ScoutClient", None) or self.module.Client
        self.parser = argparse.ArgumentParser()
        self.client = None
        self.last = None
        self.seen = []

    def create(self, hostname, verify):
        self.adopt(self.maker(hostname=hostname, verify=verify))

    def adopt(self, client):
        self.client = client
        client._session.hooks["response"].append(self.see)

    def see(self, response, stream=False, **_):
        """Keeps what every request of the client was answered, also those that its helpers make."""
        kind = response.headers.get("content-type", "")
        text = response.text if kind.startswith("application/json") and not stream else None
        self.seen.append({"method": response.request.method, "path": response.request.path_url,
                          "status": response.status_code, "content_type": kind, "body": text})  # fmt: skip

    def names(self):
        return {"client": functions(self.maker, "bosdyn."), "utils": functions(self.utils, "bosdyn."),
                "module": functions(self.module, self.module.__name__)}  # fmt: skip

    def filled(self, value):
        known = {"$client": self.client, "$last": self.last, "$parser": self.parser}
        return known.get(value, value) if isinstance(value, str) else value

    def call(self, request):
        if request["on"] == "driver":
            return getattr(self, request["name"])(*request["args"])
        target = {"client": self.client, "utils": self.utils, "module": self.module, "parser": self.parser}
        args = [self.filled(value) for value in request["args"]]
        self.last = getattr(target[request["on"]], request["name"])(*args, **request["kwargs"])
        if isinstance(self.last, self.maker):
            self.adopt(self.last)
        return self.last


def main():
    answers = os.fdopen(os.dup(1), "w")
    sys.stdout = sys.stderr  # what the client prints is for people
    driver = Driver(sys.argv[1])
    for line in sys.stdin:
        driver.seen = []
        try:
            answer = shown(driver.call(json.loads(line)))
        except Exception as error:
            answer = {"kind": "error", "type": type(error).__name__, "text": str(error)}
        answers.write(json.dumps(answer | {"seen": driver.seen}) + "\n")
        answers.flush()


main()

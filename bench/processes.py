"""Servers under measurement, each a process of its own that ends with the benchmark."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Server:
    """A server under measurement."""

    url: str
    pid: int


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _answers(port: int, tls: bool) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as plain:
            if not tls:
                return True
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(plain):
                return True
    except OSError:
        return False


@contextmanager
def running(command: list[str], port: int, *, tls: bool = True, wait_s: float = 60, **environ: str) -> Iterator[int]:
    """Runs a server until the block ends; gives its process id once it answers on `port`."""
    process = subprocess.Popen(command, env=os.environ | environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + wait_s
        while not _answers(port, tls):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"did not come up: {' '.join(command)}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def roundsman(data: Path, *, module: str = "roundsman", plain: bool = False, **environ: str) -> Iterator["Server"]:
    """`roundsman serve` on a data folder; it connects to no robots unless `environ` says so."""
    port = free_port()
    command = [
        sys.executable, "-m", module, "serve", "--data", str(data), "--host", "127.0.0.1", "--port", str(port)
    ]  # fmt: skip
    settings = {
        "ROUNDSMAN_ROBOTS_ENABLED": "false", "ROUNDSMAN_PLAIN_HTTP": str(plain).lower(), "ROUNDSMAN_LOG_LEVEL": "error"
    }  # fmt: skip
    with running(command, port, tls=not plain, **settings | environ) as pid:
        yield Server(f"{'http' if plain else 'https'}://127.0.0.1:{port}", pid)


@contextmanager
def floor(database: Path, certificate: Path, key: Path) -> Iterator[str]:
    """The bare page (bench/floor.py) under the same server and TLS; gives its base address."""
    port = free_port()
    command = [
        sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--loop", "uvloop", "--no-ws", "--log-level", "error",
        "--ssl-certificate", str(certificate), "--ssl-keyfile", str(key), "bench.floor:app",
    ]  # fmt: skip
    with running(command, port, FLOOR_DATABASE=str(database)):
        yield f"https://127.0.0.1:{port}"


NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};
    ssl_protocols TLSv1.3; root {root}; default_type application/octet-stream;
  }}
}}
"""


def nginx_binary() -> str | None:
    """Where nginx is, or None."""
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


@contextmanager
def nginx(root: Path, folder: Path, certificate: Path, key: Path) -> Iterator[str]:
    """nginx with one worker, serving `root` over TLS; gives its base address."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    for parent in [root, *root.parents, folder, *folder.parents]:  # its worker is not root, and must read
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    file = folder / "nginx.conf"
    values = {"folder": folder, "port": port, "certificate": certificate, "key": key, "root": root}
    file.write_text(NGINX.format(**values))
    with running([nginx_binary() or "nginx", "-c", str(file), "-e", str(folder / "error.log")], port):
        yield f"https://127.0.0.1:{port}"

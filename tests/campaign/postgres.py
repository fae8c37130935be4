"""A PostgreSQL of a test's own, on loopback, if the machine has one (Debian: apt-get install postgresql)."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path


class Postgres:
    """A server. `url` is what `--store` takes."""

    def __init__(self, programs: Path, folder: str, port: int) -> None:
        self._programs, self._folder, self._port = programs, folder, port
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", f"{self._folder}/data", *arguments]
        if os.getuid() == 0:  # under which it refuses to run
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, cwd=self._folder)

    def start(self) -> None:
        options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.run("pg_ctl", "-w", "-l", f"{self._folder}/log", "-o", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-w", "-m", "immediate", "stop")


def what_is_missing() -> str:
    """Return why there is no server to test with, '' if there is one."""
    if not _programs():
        return "no PostgreSQL (Debian: apt-get install postgresql)"
    if find_spec("psycopg") is None:
        return "psycopg is not installed"
    if os.getuid() == 0 and shutil.which("runuser") is None:
        return "no runuser"
    return ""


def _programs() -> list[Path]:
    return sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@contextmanager
def postgres() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="pykcov-postgres-", dir="/tmp") as folder:
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = Postgres(_programs()[-1], folder, port)
        server.run("initdb", "-A", "trust", "-U", "postgres", "-N")
        server.start()
        try:
            yield server
        finally:
            server.stop()

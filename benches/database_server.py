"""PostgreSQL and MariaDB on this machine: private instances on free loopback ports, with their data in a folder that goes when they do."""

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from object_server import free_ports
from tools import Failed

PATIENCE = 60
USER = "bench"


def program(name, *places):
    found = shutil.which(name) or next((path for place in places for path in sorted(glob.glob(f"{place}/{name}"))), None)
    if not found:
        raise SystemExit(f"{name} is missing: run scripts/setup-tests")
    return found


def checked(command, **options):
    process = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if process.returncode != 0:
        raise Failed(f"{command[0]}: {process.stderr.strip()[-2000:]}")
    return process.stdout


class Postgres:
    def __init__(self, port):
        self.port = port
        self.url = f"postgres://{USER}@127.0.0.1:{port}/postgres"
        self.psql = [program("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", self.url]

    def sql(self, script):
        return checked(self.psql, input=script)


class MariaDb:
    def __init__(self, port, socket):
        self.port = port
        self.url = f"mysql://{USER}@127.0.0.1:{port}/bench"
        self.client = [program("mariadb"), "--no-defaults", "-N", "--local-infile=1", f"--socket={socket}", "-u", "root"]

    def sql(self, script):
        return checked([*self.client, "bench"], input=script)


@contextmanager
def postgres(scratch):
    places = "/usr/lib/postgresql/*/bin"
    with folder_of("postgres", scratch) as (folder, user):
        port = free_ports("sql")["sql"]
        checked([program("initdb", places), "-D", folder / "data", "-U", USER, "--auth=trust", "--encoding=UTF8",
                 "--locale=C.UTF-8", "--no-sync"], user=user)
        command = [program("postgres", places), "-D", folder / "data", "-p", port, "-k", folder, "-c", "listen_addresses=127.0.0.1"]
        for setting in ["fsync=off", "shared_buffers=1GB", "max_wal_size=4GB", "autovacuum=off"]:
            command += ["-c", setting]
        with server(command, folder, user):
            answered(lambda: Postgres(port).sql("SELECT 1"))
            yield Postgres(port)


@contextmanager
def mariadb(scratch):
    with folder_of("mysql", scratch) as (folder, user):
        port, socket = free_ports("sql")["sql"], folder / "socket"
        own = [f"--datadir={folder / 'data'}", "--no-defaults"][::-1]
        checked([program("mariadb-install-db"), *own, "--auth-root-authentication-method=normal", "--skip-test-db"], user=user)
        command = [program("mariadbd", "/usr/sbin"), *own, f"--port={port}", f"--socket={socket}", "--bind-address=127.0.0.1",
                   "--local-infile=1", "--innodb-buffer-pool-size=1G", "--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve",
                   f"--pid-file={folder / 'pid'}"]
        if user is None:
            command.append("--user=root")
        with server(command, folder, user):
            there = MariaDb(port, socket)
            answered(lambda: checked([*there.client], input=f"CREATE DATABASE IF NOT EXISTS bench; CREATE USER IF NOT EXISTS {USER}@'%'; GRANT ALL ON *.* TO {USER}@'%'"))
            yield there


@contextmanager
def folder_of(user, scratch):
    """A folder of the user that the server runs as: PostgreSQL refuses to be run by root."""
    try:
        user = user if os.geteuid() == 0 and pwd.getpwnam(user) else None
    except KeyError:
        user = None
    # Short, for sockets; and not below a folder that others may not enter.
    with tempfile.TemporaryDirectory(prefix="tieout-bench-", ignore_cleanup_errors=True) as folder:
        if user:
            shutil.chown(folder, user)
        yield Path(folder), user


@contextmanager
def server(command, folder, user):
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, user=user)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answered(ask):
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except Failed:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)

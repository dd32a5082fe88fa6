"""An S3 server on this machine: SeaweedFS, on free loopback ports, with its data in a folder that goes when it does."""

import http.client
import json
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from tools import VENV

ID, SECRET = "tieout-bench", "tieout-bench-secret"
BUCKET = "bench"
PATIENCE = 60


class ObjectServer:
    def __init__(self, ports):
        self.address = f"127.0.0.1:{ports['s3']}"
        self.filer = f"127.0.0.1:{ports['filer']}"

    def env(self):
        """What tieout needs to find it."""
        return {
            "AWS_ACCESS_KEY_ID": ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://{self.address}",
        }

    def duckdb_secret(self):
        return f"""CREATE SECRET (TYPE s3, KEY_ID '{ID}', SECRET '{SECRET}', REGION 'us-east-1',
                   ENDPOINT '{self.address}', URL_STYLE 'path', USE_SSL false)"""

    def url(self, name):
        """Readable without a signature."""
        return f"http://{self.address}/{BUCKET}/{name}"

    def put(self, name, path):
        with path.open("rb") as body:
            self._request(self.address, "PUT", f"/{BUCKET}/{name}", body, path.stat().st_size)

    def ready(self):
        """Whether a bucket can be made and written to."""
        try:
            # A bucket is a folder of SeaweedFS' own file server.
            self._request(self.filer, "POST", f"/buckets/{BUCKET}/", b"", 0, allowed=(201, 409))
            self._request(self.address, "PUT", f"/{BUCKET}/ready", b"", 0)
            return True
        except (OSError, http.client.HTTPException, RuntimeError):
            return False

    @staticmethod
    def _request(address, method, path, body, size, allowed=(200,)):
        connection = http.client.HTTPConnection(address, timeout=30)
        connection.request(method, path, body, {"Content-Length": str(size)})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status not in allowed:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.reason}")


@contextmanager
def object_server(scratch):
    with tempfile.TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as folder:
        ports = free_ports("master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3", "s3.grpc")
        process = start(Path(folder), ports)
        try:
            server = ObjectServer(ports)
            deadline = time.monotonic() + PATIENCE
            while not server.ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    log = (Path(folder) / "log").read_text(errors="replace").splitlines()
                    raise SystemExit("SeaweedFS did not start; its last words:\n" + "\n".join(log[-20:]))
                time.sleep(0.2)
            yield server
        finally:
            process.kill()
            process.wait()


def free_ports(*names):
    sockets = {name: socket.create_server(("127.0.0.1", 0)) for name in names}
    ports = {name: held.getsockname()[1] for name, held in sockets.items()}
    for held in sockets.values():
        held.close()
    return ports


def start(folder, ports):
    known = {
        "name": "bench", "credentials": [{"accessKey": ID, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List"],
    }
    # For the reader of bytes, which signs nothing.
    anyone = {"name": "anonymous", "actions": ["Read", "Write", "List"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [known, anyone]}))
    (folder / "data").mkdir()
    named = [f"-{name.replace('.grpc', '.port.grpc') if '.' in name else name + '.port'}={port}" for name, port in ports.items()]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [
                VENV / "weed", "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-dir=data", "-volume.max=100",
                "-master.telemetry=false", "-master.volumeSizeLimitMB=1024", "-volume.minFreeSpace=100MiB", "-filer", "-s3",
                "-s3.config=s3.json", "-s3.port.iceberg=0", "-s3.port.lance=0", *named,
            ],
            cwd=folder, env={"HOME": str(folder), "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )

"""Reads the bytes of all URLs named in a file, several at a time, and drops them; prints their number and the seconds.

Run as a process of its own. Each thread keeps its connection, and reads into one buffer of its own.
"""

import http.client
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

THREADS = 8
urls = [urlsplit(line) for line in Path(sys.argv[1]).read_text().split()]


def read(share):
    connection = http.client.HTTPConnection(share[0].netloc)
    buffer = bytearray(1 << 20)
    total = 0
    for url in share:
        connection.request("GET", url.path)
        answer = connection.getresponse()
        if answer.status != 200:
            raise SystemExit(f"{url.path}: {answer.status} {answer.reason}")
        while count := answer.readinto(buffer):
            total += count
    return total


start = time.perf_counter()
with ThreadPoolExecutor(THREADS) as pool:
    total = sum(pool.map(read, [share for n in range(THREADS) if (share := urls[n::THREADS])]))
print(json.dumps({"seconds": time.perf_counter() - start, "bytes": total}))

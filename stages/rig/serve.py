"""The page on 127.0.0.1 while artifacts grow: made again when they change, and then loaded again by the browser."""

import hashlib
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from drillcore.base.errors import InputError
from stages.rig.base.command import say
from stages.rig.page import make_page

SECONDS_BETWEEN_LOOKS = 1
SUFFIXES = {".h5", ".csv", ".yaml"}


class Handler(BaseHTTPRequestHandler):
    """Answers with the server's page; its ETag, the hash of its content, tells the browser when there is another."""

    def do_GET(self):
        """Send the page."""
        self.do_HEAD()
        if self.path == "/":
            self.wfile.write(self.server.page)

    def do_HEAD(self):
        """Send which page it is."""
        page = self.server.page
        self.send_response(HTTPStatus.OK if self.path == "/" else HTTPStatus.NOT_FOUND)
        if self.path == "/":
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.send_header("ETag", f'"{hashlib.sha256(page).hexdigest()[:32]}"')
            self.send_header("Cache-Control", "no-cache")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing: the browser asks every two seconds."""


def serve():
    """Serve the page until Ctrl-C, on any port that is free."""
    server, known = ThreadingHTTPServer(("127.0.0.1", 0), Handler), {}
    seen, server.page = state(), make_page(live=True, known=known)
    Thread(target=server.serve_forever, daemon=True).start()
    say(f"http://127.0.0.1:{server.server_port}/ shows what is in artifacts/ as it grows; end with Ctrl-C")
    try:
        while True:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            seen = look(server, seen, known)
    finally:
        server.shutdown()
        server.server_close()


def look(server, seen, known):
    """Make the server's page again if the files are not as they were `seen`; returns how they are."""
    found = state()
    if found == seen:
        return seen
    try:
        server.page = make_page(live=True, known=known)
        say(f"made again, {len(server.page) / 1e6:.1f} MB")
    except (InputError, OSError) as error:  # a file that a stage is just replacing: the next look finds it whole
        say(f"not made again: {error}")
        return seen
    return found


def state():
    """The times of all files that the page could be made of."""
    files = [path for path in Path("artifacts").rglob("*") if path.suffix in SUFFIXES]
    found = {}
    for path in [Path("params.yaml"), *files]:
        try:
            found[path] = path.stat().st_mtime_ns
        except FileNotFoundError:
            continue
    return found

"""A shop on Python's standard library, without any code of ours: sessions in a signed cookie, so
that any instance of any release can go on with them; an honest /readyz; an end that drops nothing."""

import hashlib
import hmac
import json
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = os.environ["SESSION_KEY"].encode()
draining = threading.Event()
in_flight = 0
lock = threading.Lock()


def sign(user: str) -> str:
    return hmac.new(KEY, user.encode(), hashlib.sha256).hexdigest()


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Longer than the router keeps an idle connection (4 s): the router closes first.
    timeout = 60

    def answer(self, status: int, body: dict, cookie: str | None = None) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if cookie:
            self.send_header("Set-Cookie", f"session={cookie}; HttpOnly; SameSite=Lax; Path=/")
        if draining.is_set():
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(text)

    def user(self) -> str | None:
        for part in self.headers.get("Cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            user, _, signature = value.partition(".")
            if name == "session" and hmac.compare_digest(signature, sign(user)):
                return user
        return None

    def do_GET(self) -> None:
        global in_flight
        with lock:
            in_flight += 1
        try:
            if self.path == "/readyz":
                ready = not draining.is_set()
                report = {"release": os.environ.get("HOLDFAST_RELEASE"), "ready": ready, "checks": {"sessions": "ok"}}
                self.answer(200 if ready else 503, report)
            elif self.path == "/account":
                user = self.user()
                self.answer(200 if user else 401, {"user": user})
            else:
                time.sleep(0.005)
                self.answer(200, {"shop": os.environ.get("VERSION")})
        finally:
            with lock:
                in_flight -= 1

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        user = str(body.get("user", ""))
        self.answer(200, {"user": user}, f"{user}.{sign(user)}")

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", int(os.environ["PORT"])), Shop)


def go(*_: object) -> None:
    draining.set()
    threading.Thread(target=finish).start()


def finish() -> None:
    server.shutdown()  # takes no more connections
    deadline = time.monotonic() + 8
    while in_flight > 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    os._exit(0)


signal.signal(signal.SIGTERM, go)
server.serve_forever()
threading.Event().wait()  # finish() ends the process

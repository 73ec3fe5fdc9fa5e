"""A third party in Python: takes offers by push, and answers each with a status.

Everything but the check of signatures is Python's standard library. The check is the official library of Standard
Webhooks: pip install standardwebhooks
"""

import json
import os
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

MARKETPLACE = os.environ["MARKETPLACE_URL"].rstrip("/")
KEY = os.environ["MARKETPLACE_KEY"]  # of the environment whose offers come here
SECRET = os.environ["SIGNING_SECRET"]  # whsec_..., as `PUT /v1/me/delivery` answered it once
HOST, PORT = os.environ.get("LISTEN", "127.0.0.1:9100").rsplit(":", 1)
LIMIT = 1000  # what costs more is not for us

database = sqlite3.connect(os.environ.get("DATABASE", "offers.db"), check_same_thread=False)
database.executescript("""
    CREATE TABLE IF NOT EXISTS messages (webhook_id TEXT PRIMARY KEY, body TEXT NOT NULL, done INTEGER DEFAULT 0);
    CREATE TABLE IF NOT EXISTS orders (delivery_id TEXT PRIMARY KEY, state TEXT NOT NULL);
""")
lock = threading.Lock()  # one connection, many threads
work = threading.Event()


def change(statement, *values):
    """Changes the database for good; answers how many rows."""
    with lock, database:
        return database.execute(statement, values).rowcount


def read(statement, *values):
    with lock:
        return database.execute(statement, values).fetchall()


class Endpoint(BaseHTTPRequestHandler):
    """Checks and stores, and leaves the work for later: there are five seconds to answer in."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            Webhook(SECRET).verify(body, {name.lower(): value for name, value in self.headers.items()})
        except WebhookVerificationError as error:
            return self.answer(401, str(error))
        # It comes at least once. What is known already is acknowledged, and nothing else.
        insert = "INSERT OR IGNORE INTO messages (webhook_id, body) VALUES (?, ?)"
        change(insert, self.headers["webhook-id"], body.decode())
        self.answer(204)
        work.set()

    def answer(self, status, text=""):
        self.send_response(status)
        if status != 204:
            self.send_header("content-length", str(len(text)))
        self.end_headers()
        if status != 204:
            self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


def handle(webhook_id, message):
    """Does what a message asks for."""
    kind, data = message["type"], message["data"]
    if kind == "offer.created":
        answer(webhook_id, data)
    elif kind in ("offer.withdrawn", "offer.expired"):
        # Messages may overtake each other: an offer that is over before it came is never taken up.
        change("INSERT OR REPLACE INTO orders VALUES (?, 'over')", data["delivery_id"])
        print("over:", data["delivery_id"], flush=True)


def answer(webhook_id, offer):
    """Accepts or declines an offer, once."""
    delivery = offer["delivery_id"]
    change("INSERT OR IGNORE INTO orders VALUES (?, 'new')", delivery)
    if read("SELECT state FROM orders WHERE delivery_id = ?", delivery) == [("over",)]:
        return
    status = "accepted" if offer["request"].get("amount", 0) <= LIMIT else "declined"
    code, text = post(f"/v1/deliveries/{delivery}/status", {"status": status}, webhook_id)
    if code == 200:
        state = status
    elif code == 409:
        # Too late: somebody else has it, or nobody wants it any more. That is final.
        state = "over"
    else:
        state = "refused"
    change("UPDATE orders SET state = ? WHERE delivery_id = ?", state, delivery)
    print(f"{state}: {delivery} ({code} {text})", flush=True)


def post(path, body, idempotency_key):
    """Calls the marketplace until it answers; with the same key, twice is once."""
    headers = {"x-api-key": KEY, "content-type": "application/json", "idempotency-key": idempotency_key}
    request = urllib.request.Request(MARKETPLACE + path, json.dumps(body).encode(), headers)
    pause = 1
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 429:
                return error.code, error.read().decode()
            asked = error.headers.get("retry-after", "")
            pause = int(asked) if asked.isdigit() else pause  # or a date: the pause will do
        except OSError:
            pass  # not there just now
        time.sleep(pause)
        pause = min(pause * 2, 60)


def do_the_work():
    """Works off what is stored, also what was left when the program ended."""
    while True:
        work.clear()
        waiting = read("SELECT webhook_id, body FROM messages WHERE NOT done ORDER BY rowid")
        for webhook_id, body in waiting:
            handle(webhook_id, json.loads(body))
            change("UPDATE messages SET done = 1 WHERE webhook_id = ?", webhook_id)
        if not waiting:
            work.wait()


threading.Thread(target=do_the_work, daemon=True).start()
print(f"taking offers at http://{HOST}:{PORT}/", flush=True)
ThreadingHTTPServer((HOST, int(PORT)), Endpoint).serve_forever()

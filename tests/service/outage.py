# SPDX-License-Identifier: BSL-1.0
"""Drives examples/http_client through outages of a real nginx, and compares what it says with nginx's access log.

Usage: outage.py path/to/http_client
"""

import http.client
import os
import queue
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

PATIENCE = 30  # seconds until something that must happen counts as not happening
LONG = "600000"  # milliseconds: an open period that does not end during the test
SHORT = "300"
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}

passed = 0
failed = 0


def check(name, ok, detail=""):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
    print(f"{'ok' if ok else 'FAILED'}: {name}{'' if ok else f': {detail}'}", flush=True)


def check_equal(name, actual, expected):
    check(name, actual == expected, f"got {actual!r}, expected {expected!r}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Nginx:
    """One nginx process with everything it writes in one folder."""

    def __init__(self, folder):
        self.program = shutil.which("nginx") or "/usr/sbin/nginx"
        self.folder = folder
        self.log = os.path.join(folder, "access.log")
        self.fail = os.path.join(folder, "fail")
        self.process = None
        self.marks = 0
        for _ in range(5):
            self.port = free_port()
            self.write_config()
            if self.start():
                return
        raise RuntimeError("nginx does not start:\n" + self.errors())

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/work"

    def write_config(self):
        temp_paths = "".join(
            f'  {kind}_temp_path "{self.folder}/{kind}";\n'
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        # A single process: it keeps the rights of whoever started it, so that it sees `fail`, and logs in order.
        with open(os.path.join(self.folder, "nginx.conf"), "w", encoding="utf-8") as f:
            f.write(f"""daemon off;
master_process off;
pid "{self.folder}/nginx.pid";
error_log "{self.folder}/error.log";
events {{ worker_connections 64; }}
http {{
{temp_paths}  log_format counted '$request_uri $status';
  access_log "{self.log}" counted;
  server {{
    listen 127.0.0.1:{self.port};
    location /mark/ {{ return 204; }}
    location /work {{
      if (-f "{self.fail}") {{ return 503; }}
      return 200 "ok";
    }}
  }}
}}
""")

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "-e", f"{self.folder}/error.log", "-p", self.folder, "-c", f"{self.folder}/nginx.conf"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                if self.process.poll() is None:
                    return True
            except OSError:
                time.sleep(0.01)
        self.stop()
        return False

    def restart(self):
        if not self.start():
            raise RuntimeError("nginx does not start again:\n" + self.errors())

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def errors(self):
        try:
            with open(os.path.join(self.folder, "error.log"), encoding="utf-8") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def sicken(self):
        with open(self.fail, "w", encoding="utf-8"):
            pass

    def heal(self):
        os.remove(self.fail)

    def statuses(self):
        """The statuses of all requests to `url` so far. What came before a mark is logged before that mark."""
        end = time.monotonic() + PATIENCE
        while True:
            mark = None
            if self.process is not None:
                self.marks += 1
                mark = f"/mark/{self.marks}"
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
                connection.request("GET", mark, headers={"Connection": "close"})
                connection.getresponse().read()
                connection.close()
            with open(self.log, encoding="utf-8") as f:
                lines = f.read().splitlines()
            if mark is None or f"{mark} 204" in lines:
                return [int(line.split()[1]) for line in lines if line.startswith("/work ")]
            if time.monotonic() > end:
                raise RuntimeError("nginx does not log")


class Client:
    """One http_client that fetches a URL per line of its standard input."""

    def __init__(self, program, url, open_ms, attempts):
        self.url = url
        self.transitions = []
        self.process = subprocess.Popen(
            [program, "--timeout-ms", "20000", "--attempts", str(attempts), "--failures", "3",
             "--open-ms", open_ms, "-"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
        self.lines = queue.SimpleQueue()
        self.calls = 0
        threading.Thread(target=self.pump, daemon=True).start()

    def pump(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def line(self):
        try:
            line = self.lines.get(timeout=PATIENCE)
        except queue.Empty:
            raise RuntimeError("the client says nothing") from None
        if line is None:
            raise RuntimeError("the client has ended")
        return line

    def call(self):
        """The answer to one call, and the changes of the circuit's state during it."""
        self.process.stdin.write(self.url + "\n")
        self.process.stdin.flush()
        self.calls += 1
        changes = []
        while (line := self.line()).startswith("circuit: "):
            changes.append(line.removeprefix("circuit: "))
        self.transitions += changes
        prefix = self.url + " -> "
        if not line.startswith(prefix):
            raise RuntimeError(f"unexpected line: {line}")
        return line.removeprefix(prefix), changes

    def answers(self, count):
        return [self.call()[0] for _ in range(count)]

    def call_until_let_through(self, name):
        """Calls until the circuit lets a probe out. Before that, each call must be refused."""
        end = time.monotonic() + PATIENCE
        others = 0
        while time.monotonic() < end:
            answer, changes = self.call()
            if changes:
                check_equal(f"{name}: calls before the probe are refused", others, 0)
                return answer, changes
            others += answer != "failed: circuit open"
        raise RuntimeError(f"{name}: the circuit lets no probe out")

    def finish(self):
        """Ends the input: the summary's numbers, and the exit status."""
        self.process.stdin.close()
        line = self.line()
        status = self.process.wait(PATIENCE)
        match = re.fullmatch(
            r"summary: calls (?P<calls>\d+), successes (?P<successes>\d+), failures (?P<failures>\d+), "
            r"rejected (?P<rejected>\d+), retries (?P<retries>\d+), success rate (?P<rate>[\d.]+) %, "
            r"state (?P<state>\w+)",
            line)
        if match is None:
            raise RuntimeError(f"not a summary: {line}")
        return {k: v if k in ("rate", "state") else int(v) for k, v in match.groupdict().items()}, status

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def open_circuit_shields(nginx, client):
    before = len(nginx.statuses())
    arrived = lambda: nginx.statuses()[before:]

    check_equal("shield, healthy: every call succeeds", client.answers(5), ["200"] * 5)
    check_equal("shield, healthy: every call arrives once", arrived(), [200] * 5)
    check_equal("shield, healthy: the circuit stays closed", client.transitions, [])

    nginx.sicken()
    check_equal("shield, 503: the third failure trips", client.call(), ("failed: status 503", ["closed -> open"]))
    check_equal("shield, 503: every attempt arrives", arrived(), [200] * 5 + [503] * 3)
    check_equal("shield, open: calls are refused", client.answers(20), ["failed: circuit open"] * 20)
    check_equal("shield, open: nothing arrives", len(arrived()), 8)

    nginx.heal()
    check_equal("shield, healed: the open period goes on", client.answers(5), ["failed: circuit open"] * 5)
    check_equal("shield, healed: nothing arrives", len(arrived()), 8)

    summary, status = client.finish()
    check_equal("shield: summary", summary, {"calls": 31, "successes": 5, "failures": 1, "rejected": 25, "retries": 2,
                                             "rate": "16.1", "state": "open"})
    check_equal("shield: exit status", status, 1)


def stopped_server_trips(nginx, client):
    before = len(nginx.statuses())
    arrived = lambda: nginx.statuses()[before:]

    check_equal("stop, healthy: every call succeeds", client.answers(2), ["200"] * 2)
    nginx.stop()
    answer, changes = client.call()
    check("stop: curl's error is the answer", "connect to server" in answer, answer)
    check_equal("stop: three refused connections trip", changes, ["closed -> open"])
    nginx.restart()
    check_equal("stop, restarted: calls are refused", client.answers(10), ["failed: circuit open"] * 10)
    check_equal("stop, restarted: nothing arrives", arrived(), [200] * 2)

    summary, status = client.finish()
    check_equal("stop: summary", summary, {"calls": 13, "successes": 2, "failures": 1, "rejected": 10, "retries": 2,
                                           "rate": "15.4", "state": "open"})
    check_equal("stop: exit status", status, 1)


def circuit_recovers(nginx, client):
    before = len(nginx.statuses())
    arrived = lambda: nginx.statuses()[before:]
    relapse = ["open -> half_open", "half_open -> open"]

    check_equal("recovery, healthy: every call succeeds", client.answers(3), ["200"] * 3)

    nginx.sicken()
    check_equal("recovery, 503: two failures do not trip", [client.call() for _ in range(2)],
                [("failed: status 503", [])] * 2)
    check_equal("recovery, 503: the third trips", client.call(), ("failed: status 503", ["closed -> open"]))
    check_equal("recovery, 503: every call arrives", arrived(), [200] * 3 + [503] * 3)
    answer, changes = client.call_until_let_through("recovery, 503")
    check_equal("recovery, 503: a failed probe opens again", changes, relapse)
    check_equal("recovery, 503: the probe's failure is the answer", answer, "failed: status 503")
    check_equal("recovery, 503: only the probe arrives", arrived(), [200] * 3 + [503] * 4)

    nginx.stop()
    nginx.heal()
    answer, changes = client.call_until_let_through("recovery, stopped")
    check_equal("recovery, stopped: a failed probe opens again", changes, relapse)
    check("recovery, stopped: curl's error is the answer", "connect to server" in answer, answer)
    check_equal("recovery, stopped: nothing arrives", len(arrived()), 7)

    nginx.restart()
    answer, changes = client.call_until_let_through("recovery, recovered")
    check_equal("recovery, recovered: the first probe succeeds", (answer, changes), ("200", ["open -> half_open"]))
    check_equal("recovery, recovered: the second closes", client.call(), ("200", ["half_open -> closed"]))
    check_equal("recovery, closed: every call succeeds", client.answers(5), ["200"] * 5)
    check_equal("recovery, closed: every call arrives once", arrived(), [200] * 3 + [503] * 4 + [200] * 7)
    check_equal("recovery: the circuit's whole way", client.transitions,
                ["closed -> open"] + relapse * 2 + ["open -> half_open", "half_open -> closed"])

    summary, status = client.finish()
    calls = client.calls
    check_equal("recovery: summary", summary, {"calls": calls, "successes": 10, "failures": 5, "rejected": calls - 15,
                                               "retries": 0, "rate": f"{1000 / calls:.1f}", "state": "closed"})
    # One attempt met the stopped server.
    check_equal("recovery: attempts made are attempts logged",
                summary["calls"] - summary["rejected"] + summary["retries"], len(arrived()) + 1)
    check_equal("recovery: exit status", status, 1)


def urls_on_the_command_line(nginx, program):
    done = subprocess.run([program, nginx.url, nginx.url], capture_output=True, text=True, timeout=PATIENCE,
                          env=ENVIRONMENT)
    check_equal("arguments: output", done.stdout.splitlines(), [f"{nginx.url} -> 200"] * 2 + [
        "summary: calls 2, successes 2, failures 0, rejected 0, retries 0, success rate 100.0 %, state closed"])
    check_equal("arguments: exit status", done.returncode, 0)
    done = subprocess.run([program, "--failures", "0", nginx.url], capture_output=True, text=True, timeout=PATIENCE)
    check("arguments: a value out of range is named", "failures" in done.stderr and done.returncode == 2, done.stderr)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    program = os.path.abspath(sys.argv[1])
    clients = []
    with tempfile.TemporaryDirectory(prefix="keel-outage-") as folder:
        nginx = None

        def attempt(name, scenario, *arguments):
            try:
                scenario(*arguments)
            except Exception:  # what is left of the scenario has failed
                check(name, False, traceback.format_exc())

        def with_client(scenario, open_ms, attempts):
            clients.append(Client(program, nginx.url, open_ms, attempts))
            scenario(nginx, clients[-1])

        try:
            try:
                nginx = Nginx(folder)
            except Exception:
                check("nginx starts", False, traceback.format_exc())
            if nginx is not None:
                check("nginx starts", True)
                # Where the open period is short, a retry may come before or after its end: there are none.
                for name, scenario, open_ms, attempts in (("shield", open_circuit_shields, LONG, 3),
                                                          ("stop", stopped_server_trips, LONG, 3),
                                                          ("recovery", circuit_recovers, SHORT, 1)):
                    attempt(f"{name}: runs to its end", with_client, scenario, open_ms, attempts)
                    if nginx.process is None:
                        attempt(f"{name}: nginx is back", nginx.restart)
                    if os.path.exists(nginx.fail):
                        nginx.heal()
                attempt("arguments: run to their end", urls_on_the_command_line, nginx, program)
        finally:
            for client in clients:
                client.kill()
            if nginx is not None:
                nginx.stop()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

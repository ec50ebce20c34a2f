# SPDX-License-Identifier: BSL-1.0
"""Drives examples/http_client through outages of a real nginx, and compares what it says with nginx's access log.

Usage: outage.py path/to/http_client
"""

import queue
import re
import subprocess
import threading
import time

from nginx import ENVIRONMENT, LONG, PATIENCE, SHORT, check, check_equal, run


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

    def __enter__(self):
        return self

    def __exit__(self, *_):
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


def with_client(scenario, open_ms, attempts):
    def made(nginx, program):
        with Client(program, nginx.url, open_ms, attempts) as client:
            scenario(nginx, client)

    return made


if __name__ == "__main__":
    # Where the open period is short, a retry may come before or after its end: there are none.
    run(__doc__, [("shield", with_client(open_circuit_shields, LONG, 3)),
                  ("stop", with_client(stopped_server_trips, LONG, 3)),
                  ("recovery", with_client(circuit_recovers, SHORT, 1)),
                  ("arguments", urls_on_the_command_line)])

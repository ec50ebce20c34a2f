# SPDX-License-Identifier: BSL-1.0
"""Drives examples/asio_client through outages of a real nginx, and compares what it says with nginx's access log.

Usage: coroutines.py path/to/asio_client
"""

import queue
import re
import subprocess
import threading
import time

from nginx import ENVIRONMENT, LONG, PATIENCE, SHORT, check, check_equal, run


class Client:
    """One asio_client that makes as many calls at once as it is told."""

    def __init__(self, program, nginx, **options):
        arguments = [part for name, value in options.items() for part in ("--" + name.replace("_", "-"), str(value))]
        self.process = subprocess.Popen([program, *arguments, "127.0.0.1", str(nginx.port), "/work"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
        self.lines = queue.SimpleQueue()
        self.attempts = 0
        threading.Thread(target=self.pump, daemon=True).start()

    def pump(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def calls(self, count):
        """{answer: how often}, the attempts that were made, and the circuit's state after that."""
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        try:
            line = self.lines.get(timeout=PATIENCE)
        except queue.Empty:
            raise RuntimeError("the client says nothing") from None
        match = re.fullmatch(r"calls (\d+), attempts (\d+): ((?:\d+ x [^,]*, )*)the circuit is (\w+)", line or "")
        if match is None:
            raise RuntimeError(f"not an account: {line}")
        answers = {what: int(often) for often, what in re.findall(r"(\d+) x ([^,]*), ", match[3])}
        if int(match[1]) != count or sum(answers.values()) != count:
            raise RuntimeError(f"{count} calls are not accounted for: {line}")
        self.attempts += int(match[2])
        return answers, int(match[2]), match[4]

    def calls_until_closed(self, name, expected):
        """Makes one call after the other until the circuit is closed again. Returns their answers."""
        end = time.monotonic() + PATIENCE
        seen = {}
        while time.monotonic() < end:
            answers, _, state = self.calls(1)
            seen |= answers
            if state == "closed":
                break
        check(f"{name}: the circuit closes", state == "closed", seen)
        check(f"{name}: no other answers", seen.keys() <= expected, seen)
        return seen

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            check_equal("the client ends with its input", self.process.wait(PATIENCE), 0)
        finally:
            self.process.kill()
            self.process.wait()


def stopped_server_is_left_alone(nginx, program):
    before = len(nginx.statuses())
    with Client(program, nginx, timeout_ms=20000, failures=3, open_ms=LONG) as client:
        check_equal("stop, healthy: every call succeeds", client.calls(50), ({"200": 50}, 50, "closed"))
        check_equal("stop, healthy: every call arrives once", nginx.statuses()[before:], [200] * 50)
        nginx.stop()
        answers, attempts, state = client.calls(10)
        check("stop: there is no other failure", answers.keys() <= {"Connection refused", "circuit open"}, answers)
        check("stop: it takes three failures", attempts >= 3, attempts)
        check_equal("stop: the circuit opens", state, "open")
        check_equal("stop: it refuses", client.calls(20), ({"circuit open": 20}, 0, "open"))
        nginx.restart()
        check_equal("stop, restarted: it refuses", client.calls(20), ({"circuit open": 20}, 0, "open"))
        check_equal("stop, restarted: nothing arrives", len(nginx.statuses()) - before, 50)


def frozen_server_is_given_up(nginx, program):
    before = len(nginx.statuses())
    with Client(program, nginx, timeout_ms=300, failures=3, open_ms=LONG) as client:
        nginx.freeze()
        # That it ends at all is the point: nothing but a timeout can end these reads.
        answers, attempts, state = client.calls(8)
        check("freeze: calls time out", answers.get("timed out", 0) >= 3, answers)
        check("freeze: there is no other failure", answers.keys() <= {"timed out", "circuit open"}, answers)
        check_equal("freeze: each attempt times out", attempts, answers.get("timed out"))
        check_equal("freeze: the circuit opens", state, "open")
        check_equal("freeze: it refuses", client.calls(20), ({"circuit open": 20}, 0, "open"))
        nginx.thaw()
        check_equal("freeze, thawed: it refuses", client.calls(20), ({"circuit open": 20}, 0, "open"))
        arrived = len(nginx.statuses()) - before
        check("freeze: no more arrives than was sent", arrived <= client.attempts, arrived)


def circuit_recovers(nginx, program):
    before = len(nginx.statuses())
    # Without retries, which might meet the circuit before its open period is over, or after.
    with Client(program, nginx, timeout_ms=20000, attempts=1, failures=3, open_ms=SHORT) as client:
        check_equal("recovery, healthy: every call succeeds", client.calls(10), ({"200": 10}, 10, "closed"))

        nginx.sicken()
        answers, _, state = client.calls(8)
        check("recovery, 503: calls fail", answers.get("status 503", 0) >= 3, answers)
        check_equal("recovery, 503: the circuit opens", state, "open")
        nginx.heal()
        seen = client.calls_until_closed("recovery, healed", {"200", "circuit open"})
        check("recovery, healed: a probe succeeds", "200" in seen, seen)

        nginx.stop()
        answers, lost, state = client.calls(8)
        check("recovery, stopped: connections are refused", answers.get("Connection refused", 0) >= 3, answers)
        check_equal("recovery, stopped: the circuit opens", state, "open")
        nginx.restart()
        client.calls_until_closed("recovery, restarted", {"200", "circuit open"})

        check_equal("recovery, closed: every call succeeds", client.calls(50), ({"200": 50}, 50, "closed"))
        check_equal("recovery: all attempts but those are logged", len(nginx.statuses()) - before,
                    client.attempts - lost)
    with Client(program, nginx, timeout_ms=300, attempts=1, failures=3, open_ms=SHORT) as client:
        nginx.freeze()
        check_equal("recovery, frozen: the circuit opens", client.calls(8)[2], "open")
        nginx.thaw()
        client.calls_until_closed("recovery, thawed", {"200", "timed out", "circuit open"})


def arguments_are_checked(nginx, program):
    for arguments, what in ((["--failures", "0"], "failures"), ([], "HOST PORT TARGET")):
        where = ["127.0.0.1", str(nginx.port), "/work"] if arguments else []
        done = subprocess.run([program, *arguments, *where], capture_output=True, text=True, timeout=PATIENCE)
        check(f"arguments: {what} is named", what in done.stderr and done.returncode == 2, done.stderr)


if __name__ == "__main__":
    run(__doc__, [("stop", stopped_server_is_left_alone), ("freeze", frozen_server_is_given_up),
                  ("recovery", circuit_recovers), ("arguments", arguments_are_checked)])

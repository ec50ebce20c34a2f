# SPDX-License-Identifier: BSL-1.0
"""A real nginx that comes and goes, and checks that are counted."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
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
        self.thaw()
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def freeze(self):
        """It accepts connections, as the system does that for it, and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

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


def run(usage, scenarios):
    """Runs `scenario(nginx, program)` for each (name, scenario), and ends the script."""
    if len(sys.argv) != 2:
        sys.exit(usage)
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="keel-outage-") as folder:
        nginx = None

        def attempt(name, what, *arguments):
            try:
                what(*arguments)
            except Exception:  # what is left of the scenario has failed
                check(name, False, traceback.format_exc())

        try:
            try:
                nginx = Nginx(folder)
            except Exception:
                check("nginx starts", False, traceback.format_exc())
            if nginx is not None:
                check("nginx starts", True)
                for name, scenario in scenarios:
                    attempt(f"{name}: runs to its end", scenario, nginx, program)
                    if nginx.process is None:
                        attempt(f"{name}: nginx is back", nginx.restart)
                    nginx.thaw()
                    if os.path.exists(nginx.fail):
                        nginx.heal()
        finally:
            if nginx is not None:
                nginx.stop()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)

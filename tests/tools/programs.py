"""Running the control stack's programs without a hypervisor, and a xend of a few lines for xm to call."""

import os
import socketserver
import subprocess
import xmlrpc.client
from pathlib import Path
from xmlrpc.server import SimpleXMLRPCDispatcher, SimpleXMLRPCRequestHandler

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / "build/tools/bin"


class Handler(SimpleXMLRPCRequestHandler):
    rpc_paths = ("/RPC2",)
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = False

    def address_string(self):
        return "xm"

    def log_message(self, *_):
        pass


class FakeXend(socketserver.ThreadingMixIn, socketserver.UnixStreamServer, SimpleXMLRPCDispatcher):
    """Answers what a test says, and remembers what it was asked. An answer may be a function of the arguments."""

    daemon_threads = True

    def __init__(self, path):
        SimpleXMLRPCDispatcher.__init__(self, allow_none=True)
        socketserver.UnixStreamServer.__init__(self, str(path), Handler)
        self.path, self.logRequests = str(path), False
        self.answers, self.calls = {}, []

    def _dispatch(self, method, params):
        self.calls.append((method, *params))
        if method not in self.answers:
            raise xmlrpc.client.Fault(1, f"no method {method}")
        answer = self.answers[method]
        return answer(*params) if callable(answer) else answer

    def xm(self, *arguments, **more):
        return run_xm(*arguments, XM_SERVER=f"unix:{self.path}", **more)


def run_xm(*arguments, input=None, cwd=None, **environment):
    return subprocess.run([BIN / "xm", *map(str, arguments)], input=input, cwd=cwd, text=True, capture_output=True,
                          timeout=60, env={**os.environ, "LC_ALL": "C.UTF-8", **environment})


def no_domain(name):
    raise xmlrpc.client.Fault(3, f"there is no domain {name}")

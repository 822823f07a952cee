# SPDX-License-Identifier: Apache-2.0
"""What the cases about the network run inside of a sandbox."""

import json

# What a client inside sees of a connection: prints "connected" and then what it reads, or the error's name.
PROBE = r'''
import errno, socket, sys
def probe(host, port, kind=socket.SOCK_STREAM, data=b"", seconds=20):
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind)[0]
    except socket.gaierror as error:
        return "EAI_NONAME" if error.errno == socket.EAI_NONAME else repr(error)
    with socket.socket(family, kind) as one:
        one.settimeout(seconds)
        try:
            one.connect(address)
            if data:
                one.send(data)
            return one.recv(100).decode()
        except TimeoutError:
            return "timeout"
        except OSError as error:
            return errno.errorcode[error.errno]
'''


def python(host, script, *options, user="agent"):
    """Runs a script in a new sandbox of the base image; its output as JSON."""
    return host.caisson("run", *options, "-u", user, "--", "python3", "-c", PROBE + script)


def detached(host, label, *options):
    name = host.name(label)
    host.caisson("run", "-d", "--name", name, *options, "--", "sleep", "100000").expect(out=f"{name}\n")
    return name


def inside(host, name, script, user="agent"):
    return host.caisson("exec", "-u", user, name, "--", "python3", "-c", PROBE + script)


def log_of(host, name, *events):
    lines = host.caisson("policy", "log", "--json", name).expect().out.splitlines()
    return [entry for entry in map(json.loads, lines) if not events or entry["event"] in events]

# SPDX-License-Identifier: Apache-2.0
"""A git server that speaks HTTP: git's own `git http-backend`, behind a server of the case's network (testnet.py)."""

import http.server
import os
import subprocess


def make_repository(folder, name):
    """The bare repository FOLDER/NAME.git with one commit of one file, which may be pushed to."""
    bare, work = os.path.join(folder, f"{name}.git"), os.path.join(folder, f"{name}.work")

    def git(*command, cwd=folder):
        subprocess.run(["git", "-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main", *command],
                       cwd=cwd, check=True, capture_output=True)

    git("init", "-q", "--bare", bare)
    git("-C", bare, "config", "http.receivepack", "true")
    git("init", "-q", work)
    with open(os.path.join(work, "first"), "w", encoding="utf-8") as file:
        file.write("first\n")
    git("add", ".", cwd=work)
    git("commit", "-q", "-m", "first", cwd=work)
    git("push", "-q", bare, "main", cwd=work)
    return bare


def head_of(bare):
    """The subject of the branch's last commit."""
    return subprocess.run(["git", "-C", bare, "log", "-1", "--format=%s", "main"], check=True, capture_output=True, text=True).stdout.strip()


def serve_git(net, folder, wrap=lambda connection: connection):
    """Serves the repositories in the folder; its port. wrap: what makes the connection, as TLS would."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            path, _, query = self.path.partition("?")
            environment = {
                "PATH": os.environ["PATH"], "HOME": folder, "GIT_PROJECT_ROOT": folder, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
                "QUERY_STRING": query, "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""), "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            }
            answer = subprocess.run(["git", "http-backend"], env=environment, input=self.body(), stdout=subprocess.PIPE, check=False).stdout
            head, _, body = answer.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response(int(fields.pop("Status", "200").split()[0]))
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def body(self):
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, *arguments):
            pass

    def handler(connection):
        with wrap(connection) as stream:
            Handler(stream, ("", 0), None)

    return net.serve(handler)

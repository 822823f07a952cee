# SPDX-License-Identifier: Apache-2.0
"""Rules that speak of methods and paths: requests are judged one by one, also inside TLS."""

import base64
import hashlib
import json
import os
import ssl
import subprocess

import testnet
from harness import case, equal

# Prints for each request its status and the beginning of what came: arguments are METHOD URL.
CLIENT = r'''
import sys, urllib.error, urllib.request
def ask(method, url):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("X-Caisson"), error.read().decode().strip()
    except urllib.error.URLError as error:
        return type(error.reason).__name__
'''


def http_server(net, seen, wrap=lambda connection: connection, port=0):
    """Answers requests, any number on a connection, with their first line; keeps those lines."""

    def handler(connection):
        with wrap(connection) as stream:
            reader = stream.makefile("rb")
            while line := reader.readline():
                while reader.readline() not in (b"\r\n", b""):
                    pass
                seen.append(line.decode().strip())
                stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody")

    return net.serve(handler, port)


def requests_in_log(host, name):
    entries = map(json.loads, host.caisson("policy", "log", "--json", name).expect().out.splitlines())
    return [(entry["verdict"], entry.get("method"), entry.get("path"), entry["status"]) for entry in entries if entry["event"] == "request"]


@case(image="base", network=True)
def requests_are_judged_by_method_and_path(host):
    """N13: only the requests that a rule allows reach the server; the others are answered with the reason, which is in the log."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    seen = []
    port = http_server(net, seen)
    place = f"example.com:{port}"
    name = host.name("http")
    host.caisson("run", "-d", "--name", name, "--allow", f"{place} GET /ok/**", "--", "sleep", "100000").expect(out=f"{name}\n")
    script = f'''
print(ask("GET", "http://{place}/ok/a?b"))
print(ask("POST", "http://{place}/ok/a"))
print(ask("GET", "http://{place}/other"))
print(ask("GET", "http://{place}/ok/%2e%2e/other")[:2])
'''
    reason = f"caisson: no rule allows {{}} on 'example.com' port {port}"
    host.caisson("exec", name, "--", "python3", "-c", CLIENT + script).expect(out="".join(f"{line}\n" for line in (
        (200, "body"),
        (403, "refused", reason.format("POST '/ok/a'")),
        (403, "refused", reason.format("GET '/other'")),
        (400, "refused"),
    )))
    equal(seen, ["GET /ok/a?b HTTP/1.1"], "requests at the server")
    equal(requests_in_log(host, name), [("allowed", "GET", "/ok/a", 200), ("refused", "POST", "/ok/a", 403),
                                        ("refused", "GET", "/other", 403), ("refused", "GET", "/ok/%2e%2e/other", 400)], "the log")
    host.caisson("policy", "check", name, f"http://{place}/ok/a?b").expect(out_has="allowed: GET '/ok/a' on 'example.com'")
    host.caisson("policy", "check", name, f"http://{place}/other").expect(code=1, out_has="refused: no rule allows GET '/other'")
    host.caisson("policy", "check", name, f"http://{place}").expect(code=1, out_has="refused: no rule allows GET '/' on")
    host.caisson("policy", "check", name, f"http://{place}/a/../b").expect(code=1, out_has="has no single meaning")
    smuggled = f'''
import socket
with socket.create_connection(("example.com", {port}), 60) as one:
    one.sendall(b"GET /ok/b HTTP/1.1\\r\\nHost: {place}\\r\\n\\r\\nGET /other HTTP/1.1\\r\\nHost: {place}\\r\\n\\r\\n")
    got = b""
    while piece := one.recv(65536):
        got += piece
print(got.count(b"HTTP/1.1 200"), got.count(b"HTTP/1.1 403"))
with socket.create_connection(("example.com", {port}), 60) as one:
    one.sendall(b"POST /ok/b HTTP/1.1\\r\\nHost: {place}\\r\\nContent-Length: 5\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n")
    print(one.recv(65536)[:12])
'''
    host.caisson("exec", name, "--", "python3", "-c", smuggled).expect(out="1 1\nb'HTTP/1.1 400'\n")
    equal(seen[1:], ["GET /ok/b HTTP/1.1"], "requests at the server")
    host.caisson("rm", "-f", name).expect()


def certificate(folder, name, issuer=None):
    """Makes NAME.key and NAME.pem in the folder: an authority, or for a host by the authority of that name."""
    key, pem = os.path.join(folder, f"{name}.key"), os.path.join(folder, f"{name}.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
               f"/CN={name}", "-keyout", key, "-out", pem]
    if issuer:
        command += ["-CA", os.path.join(folder, f"{issuer}.pem"), "-CAkey", os.path.join(folder, f"{issuer}.key"), "-addext",
                    f"subjectAltName=DNS:{name}", "-addext", "basicConstraints=CA:FALSE"]
    subprocess.run(command, check=True, capture_output=True)
    return key, pem


def tls_server(net, seen, files, port=0):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[1], files[0])
    return http_server(net, seen, lambda connection: context.wrap_socket(connection, server_side=True), port)


@case(image="base", network=True)
def requests_inside_tls_are_judged(host):
    """N14: the gate answers as the server, by an authority of this machine whose key is never inside; the server is believed only
    where the host trusts its certificate, and else the client is told why."""
    net = host.network
    net.names.update({"example.com": [testnet.PUBLIC], "bad.example.com": [testnet.PUBLIC]})
    folder = os.path.join(host.home, "certificates")
    os.mkdir(folder)
    net.trust(certificate(folder, "authority")[1])
    seen = []
    port = tls_server(net, seen, certificate(folder, "example.com", "authority"))
    bad_port = tls_server(net, seen, certificate(folder, "bad.example.com"))
    place, bad = f"example.com:{port}", f"bad.example.com:{bad_port}"
    name = host.name("tls")
    host.caisson("run", "-d", "--name", name, "--allow", f"{place} GET /ok/**", "--allow", f"{bad} GET /ok/**", "--", "sleep",
                 "100000").expect(out=f"{name}\n")
    untrusting = host.caisson("exec", "-e", "SSL_CERT_FILE=/dev/null", "-e", "SSL_CERT_DIR=/nowhere", name, "--", "python3", "-c",
                              CLIENT + f'print(ask("GET", "https://{place}/ok/a"))')
    untrusting.expect(out="SSLCertVerificationError\n")
    own = os.path.join(host.data, "caisson", "ca")
    equal(oct(os.stat(os.path.join(own, "key.pem")).st_mode & 0o777), "0o600", "the key's mode")
    script = f'''
print(ask("GET", "https://{place}/ok/a"))
print(ask("GET", "https://{place}/other"))
print(ask("GET", "https://{bad}/ok/a"))
'''
    problem = "caisson: TLS with 'bad.example.com' failed: its certificate is not accepted: self-signed certificate"
    host.caisson("exec", name, "--", "python3", "-c", CLIENT + script).expect(
        out="".join(f"{line}\n" for line in (
            (200, "body"),
            (403, "refused", f"caisson: no rule allows GET '/other' on 'example.com' port {port}"),
            (502, "failed", problem),
        )))
    equal(seen, ["GET /ok/a HTTP/1.1"], "requests at the servers")
    equal(requests_in_log(host, name), [("allowed", "GET", "/ok/a", 200), ("refused", "GET", "/other", 403),
                                        ("failed", "GET", "/ok/a", 502)], "the log")
    host.caisson("rm", "-f", name).expect()


# An HTTP/2 server in the case's network: node SERVER.js PORT [KEY CERTIFICATE]. Of each call it sends back the body and a trailer.
HTTP2_SERVER = r'''
const http2 = require("http2"), fs = require("fs");
const [port, key, cert] = process.argv.slice(2);
const server = key ? http2.createSecureServer({key: fs.readFileSync(key), cert: fs.readFileSync(cert), allowHTTP1: true}) : http2.createServer();
server.on("stream", (stream, head) => {
    stream.on("error", () => {});
    stream.respond({":status": 200, "content-type": "application/grpc", "x-path": head[":path"]}, {waitForTrailers: true});
    stream.on("wantTrailers", () => stream.sendTrailers({"grpc-status": "0", "x-sent": head["x-sent"] || ""}));
    stream.pipe(stream);
});
server.on("sessionError", () => {});
server.listen(Number(port), "::", () => console.log("ready"));
'''

# Prints for each path what a gRPC-like call of it brings, all of them streams of one connection: node CLIENT.js URL PATH…
HTTP2_CLIENT = r'''
const http2 = require("http2");
const [url, ...paths] = process.argv.slice(2);
const session = http2.connect(url);
session.on("error", (error) => console.log("session", error.code));
const call = (path) => new Promise((resolve) => {
    const stream = session.request({":method": "POST", ":path": path, "content-type": "application/grpc", "te": "trailers", "x-sent": "7"});
    let head = {}, trailers = {}, bytes = 0;
    stream.on("response", (got) => { head = got; });
    stream.on("trailers", (got) => { trailers = got; });
    stream.on("data", (piece) => { bytes += piece.length; });
    stream.on("error", (error) => resolve(`${path} ${error.code}`));
    stream.on("close", () => resolve([path, head[":status"], head["x-caisson"], head["grpc-status"], head["grpc-message"], bytes,
                                      trailers["grpc-status"], trailers["x-sent"]].join(" ")));
    stream.end(Buffer.alloc(3000000, "x"));
});
Promise.all(paths.map(call)).then((lines) => { console.log(lines.join("\n")); session.close(); });
'''


def http2_server(host, port, *files):
    """Runs until the case ends it."""
    script = os.path.join(host.home, f"server{port}.js")
    with open(script, "w", encoding="utf-8") as file:
        file.write(HTTP2_SERVER)
    with host.network.internet():
        server = subprocess.Popen(["node", script, str(port), *files], stdout=subprocess.PIPE, text=True)
    equal(server.stdout.readline(), "ready\n", "what the server says")
    return server


@case(image="base", network=True)
def calls_over_http2_are_judged_one_by_one(host):
    """N16: each stream of a connection is a request of its own, inside TLS and (with prior knowledge) without; bodies and trailers
    pass both ways; what is refused is said in gRPC's way, and leaves the other streams alone."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    folder = os.path.join(host.home, "certificates")
    os.mkdir(folder)
    net.trust(certificate(folder, "authority")[1])
    plain, secure = 8080, 8443
    servers = [http2_server(host, plain), http2_server(host, secure, *certificate(folder, "example.com", "authority"))]
    name = host.name("http2")
    try:
        host.caisson("run", "-d", "--name", name, "--allow", f"example.com:{plain} POST /ok/**", "--allow",
                     f"example.com:{secure} GET,POST /ok/**", "--", "sleep", "100000").expect(out=f"{name}\n")
        script = os.path.join(host.home, "client.js")
        with open(script, "w", encoding="utf-8") as file:
            file.write(HTTP2_CLIENT)
        own = os.path.join(host.data, "caisson", "ca", "certificate.pem")

        def calls(url, port):
            refused = f"/no/Call 200 refused 7 caisson: no rule allows POST '/no/Call' on 'example.com' port {port} 0  "
            host.caisson("exec", "-e", "NODE_EXTRA_CA_CERTS=/tmp/authority.pem", name, "--", "node", "/tmp/client.js", url, "/ok/Call",
                         "/no/Call", "/ok/Other").expect(out=f"/ok/Call 200    3000000 0 7\n{refused}\n/ok/Other 200    3000000 0 7\n")

        host.caisson("cp", script, f"{name}:/tmp/client.js").expect()
        calls(f"http://example.com:{plain}", plain)
        # The authority is made when it is first needed.
        host.caisson("exec", name, "--", "curl", "-sk", "-o", "/dev/null", "-w", "%{http_version} %{http_code}\n",
                     f"https://example.com:{secure}/ok/a").expect(out="2 200\n")
        host.caisson("cp", own, f"{name}:/tmp/authority.pem").expect()
        calls(f"https://example.com:{secure}", secure)
        host.caisson("exec", name, "--", "curl", "-s", "--cacert", "/tmp/authority.pem", "-w", "%{http_version} %{http_code}\n",
                     f"https://example.com:{secure}/no").expect(
                         out=f"caisson: no rule allows GET '/no' on 'example.com' port {secure}\n2 403\n")
        told = sorted(requests_in_log(host, name), key=str)
        calls_told = [("allowed", "POST", "/ok/Call", 200), ("allowed", "POST", "/ok/Other", 200), ("refused", "POST", "/no/Call", 403)]
        equal(told, sorted([*calls_told, *calls_told, ("allowed", "GET", "/ok/a", 200), ("refused", "GET", "/no", 403)], key=str), "the log")
        host.caisson("rm", "-f", name).expect()
    finally:
        for server in servers:
            server.kill()
            server.wait()


@case(image="base", network=True)
def what_is_no_http_is_refused_where_requests_are_judged(host):
    """N15: another protocol, whichever side begins it, a TLS name that is another's, a TLS client of another protocol, and CONNECT."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    seen = []
    port, banner = http_server(net, seen), net.serve_text("220 mail\r\n")
    script = f'''
import socket, ssl
def talk(port, data):
    try:
        with socket.create_connection(("example.com", port), 60) as one:
            one.sendall(data)
            return one.recv(65536)[:12].decode()
    except ConnectionResetError:
        return "reset"  # a server that speaks at once has it ended so soon that connect() may be what sees it
def shake(name, protocols):
    context = ssl.create_default_context()
    context.set_alpn_protocols(protocols)
    try:
        with socket.create_connection(("example.com", {port}), 60) as one, context.wrap_socket(one, server_hostname=name):
            return "met"
    except ConnectionResetError:
        return "reset"
    except ssl.SSLError as error:
        return "told" if "no application protocol" in str(error) else repr(error)
print(talk({port}, b"SSH-2.0-x\\r\\n"), talk({banner}, b""), talk({port}, b"PRI * HTTP/2.0\\r\\n\\r\\nXX\\r\\n\\r\\n"),
      talk({port}, b"CONNECT example.com:{port} HTTP/1.1\\r\\nHost: example.com:{port}\\r\\n\\r\\n"),
      shake("other.example.com", ["http/1.1"]), shake("example.com", ["other"]))
'''
    done = host.caisson("run", "--allow", f"example.com:{port} GET /", "--allow", f"example.com:{banner} GET /", "--", "python3", "-c", script)
    done.expect(out="reset reset reset HTTP/1.1 400 reset told\n", err_has="the network refused 6")
    equal(seen, [], "requests at the server")


# A WebSocket client of Node's own parts (RFC 6455): says "ping", prints the answer. Arguments: the URL.
WEBSOCKET_CLIENT = r'''
const https = require("https"), crypto = require("crypto");
const key = crypto.randomBytes(16).toString("base64");
const ask = https.request(process.argv[1], {headers: {Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": 13, "Sec-WebSocket-Key": key}});
ask.on("response", (answer) => { console.log("status", answer.statusCode, answer.headers["x-caisson"]); answer.resume(); });
ask.on("upgrade", (answer, socket, head) => {
    const wanted = crypto.createHash("sha1").update(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
    console.log("accepted", answer.headers["sec-websocket-accept"] === wanted);
    const mask = crypto.randomBytes(4), text = Buffer.from("ping");
    socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | text.length]), mask, text.map((byte, i) => byte ^ mask[i % 4])]));
    let got = head;
    const read = (piece) => {
        got = Buffer.concat([got, piece]);
        if (got.length < 2 || got.length < 2 + got[1]) return;
        console.log(got.subarray(2, 2 + got[1]).toString());
        socket.end();
    };
    socket.on("data", read);
    read(Buffer.alloc(0));
});
ask.on("error", (error) => console.log("error", error.code));
ask.end();
'''


def serve_websocket_or_body(stream, seen):
    """One request: a WebSocket gets "pong" for its first message; a client that waits for 100 (Continue) gets it, and then the length
    of its body."""
    reader = stream.makefile("rb")
    first = reader.readline().decode().split(" ")
    if first == [""]:
        return  # the gate has met the server, and was asked for nothing that is allowed
    fields = {}
    while (line := reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode().partition(":")
        fields[name.lower()] = value.strip()
    seen.append((*first[:2], fields.get("upgrade"), fields.get("expect")))
    if "sec-websocket-key" in fields:
        accept = base64.b64encode(hashlib.sha1((fields["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        stream.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n" % accept)
        head = reader.read(2)
        mask, text = reader.read(4), reader.read(head[1] & 0x7f)
        equal(bytes(byte ^ mask[i % 4] for i, byte in enumerate(text)), b"ping", "the message")
        stream.sendall(b"\x81\x04pong")
        reader.read(1)
        stream.unwrap()
    else:
        stream.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = reader.read(int(fields["content-length"]))
        told = str(len(body)).encode()
        stream.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told))


@case(image="base", network=True)
def websockets_and_expectations_pass_where_requests_are_judged(host):
    """N13, N14: Node opens a WebSocket inside TLS that the gate ends, and is refused one by its path; curl waits for 100 (Continue) with
    its body, and does not send it where it is refused."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    folder = os.path.join(host.home, "certificates")
    os.mkdir(folder)
    net.trust(certificate(folder, "authority")[1])
    key, pem = certificate(folder, "example.com", "authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    seen = []

    def handler(connection):
        with context.wrap_socket(connection, server_side=True) as stream:
            serve_websocket_or_body(stream, seen)

    place = f"example.com:{net.serve(handler)}"
    name = host.name("upgrade")
    host.caisson("run", "-d", "--name", name, "--allow", f"{place} GET,POST /ok/**", "--", "sleep", "100000").expect()
    node = ("exec", name, "--", "node", "-e", WEBSOCKET_CLIENT)
    host.caisson(*node, f"https://{place}/ok/socket").expect(out="accepted true\npong\n")
    host.caisson(*node, f"https://{place}/no/socket").expect(out="status 403 refused\n")
    script = f'''
head -c 3000000 /dev/zero > /tmp/body
for path in ok no; do
  curl -sv --http1.1 --expect100-timeout 100 -T /tmp/body -X POST -w ' %{{http_code}} %{{size_upload}}\\n' https://{place}/$path/body 2>/tmp/said
  grep -c '^< HTTP/1.1 100' /tmp/said || true
done
'''
    refused = f"caisson: no rule allows POST '/no/body' on 'example.com' port {place.split(':')[1]}\n 403 0\n0\n"
    host.caisson("exec", name, "--", "sh", "-c", script).expect(out=f"3000000 200 3000000\n1\n{refused}")
    equal(seen, [("GET", "/ok/socket", "websocket", None), ("POST", "/ok/body", None, "100-continue")], "requests at the server")
    host.caisson("rm", "-f", name).expect()


@case(image="base", network=True)
def plain_http_must_name_the_host_that_was_allowed(host):
    """N24: a server has many sites, and each request on a name's port 80 is for that name's."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    seen = []
    http_server(net, seen, port=80)
    name = host.name("host")
    host.caisson("run", "-d", "--name", name, "--allow", "example.com", "--", "sleep", "100000").expect(out=f"{name}\n")
    script = r'''
import socket
def talk(text):
    with socket.create_connection(("example.com", 80), 60) as one:
        one.sendall(text.encode())
        got = b""
        try:
            while piece := one.recv(65536):
                got += piece
        except ConnectionResetError:
            return "reset"
    return got.decode().count("HTTP/1.1 200"), got.decode().count("HTTP/1.1 403"), got.decode().splitlines()[-1]
print(ask("GET", "http://example.com//a%2f;b"))
print(talk("GET /first HTTP/1.1\r\nHost: example.com\r\n\r\nGET /second HTTP/1.1\r\nHost: other.example\r\n\r\n"))
print(talk("\r\nGET /third HTTP/1.1\r\nHost: other.example\r\n\r\n"))
'''
    host.caisson("exec", name, "--", "python3", "-c", CLIENT + script).expect(out="".join(f"{line}\n" for line in (
        (200, "body"),
        (1, 1, "caisson: its Host is 'other.example', and the connection is to 'example.com'"),
        "reset",
    )))
    equal(seen, ["GET //a%2f;b HTTP/1.1", "GET /first HTTP/1.1"], "requests at the server")
    host.caisson("rm", "-f", name).expect()

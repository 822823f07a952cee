# SPDX-License-Identifier: Apache-2.0
"""A gRPC client and server of others' making, with the gate between them as both's other end."""

import os
import shutil
import subprocess
import tempfile

import testnet
from cases_clients import make_folder, npm_or_skip
from cases_http import certificate, requests_in_log
from harness import case, equal

SERVICE = r'''
const same = (bytes) => bytes;
const method = (path, requestStream, responseStream) => ({path, requestStream, responseStream, requestSerialize: same,
    requestDeserialize: same, responseSerialize: same, responseDeserialize: same});
exports.methods = {
    unary: method("/test.Echo/Unary", false, false),
    fromClient: method("/test.Echo/FromClient", true, false),
    fromServer: method("/test.Echo/FromServer", false, true),
    bothWays: method("/test.Echo/BothWays", true, true),
    secret: method("/test.Secret/Unary", false, false),
};
'''

# node SERVER.js PORT KEY CERTIFICATE
SERVER = r'''
const grpc = require("@grpc/grpc-js"), fs = require("fs"), {methods} = require("./service.js");
const [port, key, cert] = process.argv.slice(2);
const server = new grpc.Server();
server.addService(methods, {
    unary: (call, done) => {
        const trailers = new grpc.Metadata();
        trailers.set("x-length", String(call.request.length));
        if (String(call.request) === "fail") done({code: grpc.status.NOT_FOUND, details: "none of that name", metadata: trailers});
        else done(null, call.request, trailers);
    },
    fromClient: (call, done) => {
        let bytes = 0, count = 0;
        call.on("data", (message) => { bytes += message.length; ++count; });
        call.on("end", () => done(null, Buffer.from(`${count} ${bytes}`)));
    },
    fromServer: (call) => {
        for (let i = 0; i < Number(call.request); ++i) call.write(Buffer.alloc(1000, i));
        call.end();
    },
    bothWays: (call) => {
        call.on("data", (message) => call.write(Buffer.from(`re ${message}`)));
        call.on("end", () => call.end());
    },
    secret: (call, done) => { console.log("secret"); done(null, call.request); },
});
const credentials = grpc.ServerCredentials.createSsl(null, [{private_key: fs.readFileSync(key), cert_chain: fs.readFileSync(cert)}]);
server.bindAsync(`[::]:${port}`, credentials, (error) => console.log(error ? String(error) : "ready"));
'''

# node CLIENT.js HOST:PORT. Both ways: each message is sent when the one before was answered.
CLIENT = r'''
const grpc = require("@grpc/grpc-js"), {methods} = require("./service.js");
const client = new (grpc.makeGenericClientConstructor(methods, "test.Echo"))(process.argv[2], grpc.credentials.createSsl());
const problem = (error) => `${error.code} ${error.details}`;
const unary = (name, request) => new Promise((resolve) => {
    let trailers;
    const call = client[name](request, (error, answer) => setImmediate(() => resolve(
        `${name} ${error ? problem(error) : answer.length} ${trailers ? trailers.get("x-length") : ""}`)));
    call.on("status", (status) => { trailers = status.metadata; });
});
const fromClient = () => new Promise((resolve) => {
    const call = client.fromClient((error, answer) => resolve(`fromClient ${error ? problem(error) : answer}`));
    for (let i = 0; i < 500; ++i) call.write(Buffer.alloc(1000, i));
    call.end();
});
const fromServer = () => new Promise((resolve) => {
    const call = client.fromServer(Buffer.from("500"));
    let bytes = 0, count = 0;
    call.on("data", (message) => { bytes += message.length; ++count; });
    call.on("error", (error) => resolve(`fromServer ${problem(error)}`));
    call.on("end", () => resolve(`fromServer ${count} ${bytes}`));
});
const bothWays = () => new Promise((resolve) => {
    const call = client.bothWays();
    let count = 0, last = "";
    call.write(Buffer.from("0"));
    call.on("data", (message) => {
        last = String(message);
        if (++count < 100) call.write(Buffer.from(String(count)));
        else call.end();
    });
    call.on("error", (error) => resolve(`bothWays ${problem(error)}`));
    call.on("end", () => resolve(`bothWays ${count} ${last}`));
});
(async () => {
    console.log(await unary("unary", Buffer.alloc(2000000, "x")));
    console.log(await unary("unary", Buffer.from("fail")));
    console.log((await Promise.all([fromClient(), fromServer(), bothWays(), unary("secret", Buffer.from("x"))])).join("\n"));
    client.close();
})();
'''


def fetch_grpc(cache):
    """The npm package, from this machine's registry, kept in the tests' cache; the folder."""
    folder = os.path.join(cache, "npm", "grpc-js")
    if os.path.isdir(folder):
        return folder
    npm_or_skip()
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    making = tempfile.mkdtemp(dir=os.path.dirname(folder))
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", making, "@grpc/grpc-js@1"], check=True,
                   capture_output=True)
    try:
        os.rename(making, folder)
    except OSError:  # another was quicker
        shutil.rmtree(making)
    return folder


@case(image="base", network=True, timeout=1800, processors=2, fetch=fetch_grpc, may_skip="no package registry is reachable")
def grpc_calls_are_judged_one_by_one(host):
    """N16: unary calls and streams both ways of a real client, and its errors; a rule's path is a method of a service."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    certificates, code = make_folder(host, "certificates"), os.path.join(host.home, "code")
    net.trust(certificate(certificates, "authority")[1])
    shutil.copytree(host.fetched, code, symlinks=True)
    for name, text in (("service.js", SERVICE), ("server.js", SERVER), ("client.js", CLIENT)):
        with open(os.path.join(code, name), "w", encoding="utf-8") as file:
            file.write(text)
    port = 8443
    with net.internet():
        server = subprocess.Popen(["node", f"{code}/server.js", str(port), *certificate(certificates, "example.com", "authority")],
                                  stdout=subprocess.PIPE, text=True, env=host.environment)
    try:
        equal(server.stdout.readline(), "ready\n", "what the server says")
        name = host.name("grpc")
        host.caisson("run", "-d", "--name", name, "--allow", f"example.com:{port} POST /test.Echo/*", "--", "sleep", "100000").expect()
        host.caisson("cp", code, f"{name}:/home/agent/code").expect()
        refused = f"caisson: no rule allows POST '/test.Secret/Unary' on 'example.com' port {port}"
        host.caisson("exec", name, "--", "node", "/home/agent/code/client.js", f"example.com:{port}", timeout=1700).expect(
            out=f"unary 2000000 2000000\nunary 5 none of that name 4\nfromClient 500 500000\nfromServer 500 500000\n"
                f"bothWays 100 re 99\nsecret 7 {refused} \n")
        calls = ("Unary", "Unary", "FromClient", "FromServer", "BothWays")
        equal(sorted(requests_in_log(host, name)), sorted([("allowed", "POST", f"/test.Echo/{call}", 200) for call in calls] +
                                                          [("refused", "POST", "/test.Secret/Unary", 403)]), "the log")
        host.caisson("rm", "-f", name).expect()
    finally:
        server.kill()
        server.wait()
    equal(server.stdout.read(), "", "what the server says of calls that no rule allows")

# SPDX-License-Identifier: Apache-2.0
"""The machine's authority, as which the gate answers where requests inside TLS are judged, is trusted inside without anything being
configured: by the clients of the sandbox, in its containers, and while it builds images."""

import os
import shutil
import subprocess
import time

import images
import testnet
from cases_http import certificate, requests_in_log, tls_server
from harness import Skipped, case, equal, true

# An image clients:1 with programs of the sandbox's own, and nothing of its certificates: the container trusts one authority of its own.
MAKE_IMAGE = r'''
make_image() {
  root=$(mktemp -d)
  mkdir -p $root/etc/ssl/certs $root/tmp
  files=$(for file in "$@"; do
    echo $file; ldd $file 2>/dev/null | grep -o '/[^ ]*' || true; done | sort -u; ls /usr/lib/x86_64-linux-gnu/libnss_dns* /usr/lib/x86_64-linux-gnu/libresolv.so*)
  tar -chf - -C / --exclude=__pycache__ --exclude=test --exclude=idlelib --exclude=ensurepip --exclude=lib2to3 $files 2>/dev/null | tar -xf - -C $root
  cp /tmp/own.pem $root/etc/ssl/certs/ca-certificates.crt
  tar -cf - -C $root . | docker import - clients:1 >/dev/null
}
'''

PYTHON = r'''
import urllib.request
print(urllib.request.urlopen("https://{place}/ok/python", timeout=60).read().decode())
'''


def judged_server(host):
    """A server below example.com whose requests are judged, one below plain.example.com whose are not; their places, and what came."""
    net = host.network
    net.names.update({"example.com": [testnet.PUBLIC], "plain.example.com": [testnet.PUBLIC]})
    folder = os.path.join(host.home, "certificates")
    os.mkdir(folder)
    authority = certificate(folder, "authority")[1]
    net.trust(authority)
    seen = []
    judged = tls_server(net, seen, certificate(folder, "example.com", "authority"))
    plain = tls_server(net, seen, certificate(folder, "plain.example.com", "authority"))
    return f"example.com:{judged}", f"plain.example.com:{plain}", seen, authority


def start(host, judged, plain, *options):
    name = host.name("trust")
    host.caisson("run", "-d", "--name", name, "--allow", f"{judged} GET /ok/**", "--allow", plain, *options, "--", "sleep",
                 "100000").expect(out=f"{name}\n")
    return name


def bytes_of_machine(host, name):
    """All that a guest has: its files on the host, and the memory of its machine; in pieces that overlap."""
    folder = os.path.join(host.folder(name), "vm")
    for where, _, files in os.walk(folder):
        for path in (os.path.join(where, file) for file in files):
            if os.path.isfile(path):
                yield from pieces_of(path, 0, os.path.getsize(path))
    machine = host.inspect(name)["engine_pid"]
    with open(f"/proc/{machine}/maps", encoding="ascii") as maps:
        ranges = [line.split()[:2] for line in maps if "[v" not in line]
    for extent, access in ranges:
        if access.startswith("r"):
            first, last = (int(number, 16) for number in extent.split("-"))
            yield from pieces_of(f"/proc/{machine}/mem", first, last)


def pieces_of(path, first, last, piece=16 << 20, overlap=256):
    with open(path, "rb", buffering=0) as file:
        for at in range(first, last, piece):
            file.seek(at)
            try:
                yield file.read(min(piece + overlap, last - at))
            except OSError:  # a mapping behind its file's end
                return


def only_the_host_has_the_key(host, name):
    """The authority's key is nowhere in the machine: neither as its file has it nor as it is used. Its certificate is."""
    folder = os.path.join(host.data, "caisson/ca")
    equal(os.stat(os.path.join(folder, "key.pem")).st_mode & 0o777, 0o600, "who may read the key")

    def lines_of(file):
        with open(os.path.join(folder, file), "rb") as pem:
            return [line for line in pem.read().split() if len(line) == 64]

    der = subprocess.run(["openssl", "pkey", "-in", os.path.join(folder, "key.pem"), "-outform", "DER"], check=True, capture_output=True).stdout
    secret = der[der.index(b"\x04\x20") + 2:][:32]  # RFC 5915: an octet string of P-256's size
    certificate = lines_of("certificate.pem")[1]
    wanted = {"a line of the certificate": certificate, "the number": secret, **{f"line {at} of the key": line
                                                                                for at, line in enumerate(lines_of("key.pem"))}}
    equal(len(secret), 32, "bytes of the key's number")
    true(len(wanted) > 3, f"what the key's file has: {list(wanted)}")
    found = set()
    for piece in bytes_of_machine(host, name):
        found |= {what for what, needle in wanted.items() if needle in piece}
    equal(found, {"a line of the certificate"}, "what of the authority is in the machine")


@case(image="base", network=True, timeout=900)
def clients_trust_the_gates_authority(host):
    """N20: OpenSSL's and GnuTLS's clients, Node, Python, Go (the Docker Engine); also root's, by sudo, and after update-ca-certificates."""
    place, plain, seen, _ = judged_server(host)
    name = start(host, place, plain)
    node = f'require("https").get("https://{place}/ok/node", a => {{a.on("data", d => console.log(String(d)))}})'
    script = f'''
set -e
curl -fsS https://{place}/ok/curl; echo
python3 -c '{PYTHON.format(place=place)}'
python3 -c 'from pip._vendor import requests; print(requests.get("https://{place}/ok/requests", timeout=60).text)'
node -e '{node}'
sudo sh -c 'echo ${{NODE_EXTRA_CA_CERTS:?}} ${{REQUESTS_CA_BUNDLE:?}}' >/dev/null
git ls-remote https://{place}/ok/git >/dev/null 2>&1 || true
docker pull {place}/image 2>&1 | grep -c x509 || true
sudo update-ca-certificates --fresh >/dev/null 2>&1
curl -fsS https://{place}/ok/again; echo
curl -sS https://{plain}/ 2>&1 | grep -c "self-signed certificate in certificate chain\\|unable to get local issuer"
'''
    host.caisson("exec", name, "--", "bash", "-c", script, timeout=600).expect(out="body\nbody\nbody\nbody\n0\nbody\n1\n")
    asked = [line.split()[1] for line in seen]
    equal(asked[:4], ["/ok/curl", "/ok/python", "/ok/requests", "/ok/node"], "requests at the server")
    assert any(path.startswith("/ok/git/info/refs") for path in asked), asked
    assert ("refused", "GET", "/v2/", 403) in requests_in_log(host, name), "the Docker Engine's request"
    host.caisson("stop", name).expect()
    host.caisson("start", name).expect()
    host.caisson("exec", name, "--", "curl", "-fsS", f"https://{place}/ok/later").expect(out="body")
    only_the_host_has_the_key(host, name)
    host.caisson("rm", "-f", name).expect()


@case(image="base", own_cache=True, network=True, timeout=900)
def a_template_keeps_the_trust_of_its_machine_alone(host):
    """N20: a template is made with this machine's authorities, so that a start writes none; one that is no longer the machine's is gone
    after the thaw."""
    images.copy_cache(os.environ["CAISSON_TEST_CACHE"], host.cache, "base")
    place, _, _, _ = judged_server(host)
    options = ["run", "-u", "root", "--memory", "1G", "--allow", f"{place} GET /ok/**", "--", "sh", "-c"]
    ask = f"curl -fsS https://{place}/ok/thawed; echo; stat -c %Y /etc/ssl/certs/ca-certificates.crt /run/caisson/trust/caisson-0.crt"
    host.caisson(*options, ask, timeout=600).expect(out_has="body\n")
    begun = time.time()
    lines = host.caisson(*options, ask).expect().out.split()
    equal(lines[0], "body", "the answer")
    assert all(int(line) < begun - 1 for line in lines[1:]), "the thawed sandbox wrote its authorities"
    authority = os.path.join(host.data, "caisson", "ca")
    with open(os.path.join(authority, "certificate.pem"), encoding="ascii") as file:
        own_line = file.read().splitlines()[2]
    ask += f"; cat /etc/ssl/certs/* /run/caisson/trust/*.crt 2>/dev/null | grep -cF {own_line}"
    count = host.caisson(*options, ask).expect().out.split()[-1]
    assert int(count) >= 2, f"the authority was found {count} times"
    shutil.rmtree(authority)
    lines = host.caisson(*options, ask).expect(code=1).out.split()
    equal((lines[0], lines[-1]), ("body", "0"), "the answer by another authority, and how often the one before is found")


def with_own_authority(host):
    place, plain, seen, authority = judged_server(host)
    name = start(host, place, plain, "-u", "root")
    host.caisson("cp", authority, f"{name}:/tmp/own.pem").expect()
    return name, place, plain, seen


@case(image="base", network=True, timeout=900)
def containers_trust_the_gates_authority(host):
    """N20: in a container and in `docker exec`; the container goes on trusting its own authorities."""
    name, place, plain, seen = with_own_authority(host)
    python = f'import pip._vendor.requests as r; print(r.get("https://{place}/ok/requests", timeout=60).text)'
    script = f'''
set -e
{MAKE_IMAGE}
make_image /bin/sh /usr/bin/env /usr/bin/curl /usr/bin/git /usr/lib/git-core/git-remote-https /usr/bin/python3.11 \\
  /usr/lib/python3.11/lib-dynload/_ssl.*.so /usr/lib/python3.11 /usr/lib/python3/dist-packages/pip
cat > /tmp/ask.sh <<'END'
curl -fsS https://{place}/ok/curl; echo
curl -fsS https://{plain}/; echo
python3.11 -c '{python}'
git ls-remote https://{place}/ok/git
END
docker run -i --rm clients:1 /bin/sh < /tmp/ask.sh 2>/dev/null || true
docker run -d --name stays clients:1 /bin/sh -c 'read x < /dev/zero' >/dev/null
docker exec stays curl -fsS https://{place}/ok/exec; echo
docker rm -f stays >/dev/null
'''
    host.caisson("exec", "-u", "root", name, "--", "bash", "-c", script, timeout=600).expect(out="body\nbody\nbody\nbody\n")
    assert any(line.startswith("GET /ok/git/info/refs") for line in seen), seen
    host.caisson("rm", "-f", name).expect()


@case(image="base", network=True)
def builds_trust_the_gates_authority(host):
    """N20: in a step of a build by either builder; the image has nothing of it."""
    name, place, plain, _ = with_own_authority(host)
    script = f'''
set -e
{MAKE_IMAGE}
make_image /bin/sh /usr/bin/curl
mkdir /tmp/build && cd /tmp/build
printf 'FROM clients:1\\nRUN curl -fsS https://{place}/ok/build https://{plain}/ > /built\\n' > Dockerfile
for kit in 0 1; do
  DOCKER_BUILDKIT=$kit docker build -q --no-cache -t built:$kit . >/dev/null
  docker create --name of$kit built:$kit /bin/sh >/dev/null
  docker cp of$kit:/built - | tar -xO; echo
  docker export of$kit | tar -t > list
  grep -c ^built list
  grep -c caisson list || true
done
'''
    host.caisson("exec", "-u", "root", name, "--", "bash", "-c", script).expect(out="bodybody\n1\n0\nbodybody\n1\n0\n")
    host.caisson("rm", "-f", name).expect()


# An image little:1 of a shell and cat.
LITTLE_IMAGE = r'''
files=$(for file in /bin/sh /bin/cat; do echo $file; ldd $file | grep -o '/[^ ]*'; done | sort -u)
tar -chf - -C / $files 2>/dev/null | docker import - little:1 >/dev/null
'''


def base64_of(pem):
    with open(pem, encoding="ascii") as file:
        return "".join(file.read().partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0].split())


@case(image="base", network=True, may_skip="no Java is installed")
def java_reads_the_authorities_of_containers(host):
    """N20: the store that Java in containers, `docker exec` and builds is told of has the gate's authority and those of the machine's
    administrator, as this machine's own Java reads it. What a container has in the variable stays."""
    if not shutil.which("keytool"):
        raise Skipped("no Java is installed")
    folder = os.path.join(host.home, "certificates")
    os.mkdir(folder)
    company = certificate(folder, "authority")[1]
    host.network.trust_as_administrator(company)
    name = host.name("java")
    host.caisson("run", "-d", "--name", name, "-u", "root", "--allow", "example.com:443 GET /ok/**", "--", "sleep", "100000").expect()
    script = f'''
{LITTLE_IMAGE}
docker run --rm little:1 /bin/sh -c 'echo $JAVA_TOOL_OPTIONS'
docker run -d -i -e JAVA_TOOL_OPTIONS=-Xmx99m --name stays little:1 /bin/sh >/dev/null
docker exec stays /bin/sh -c 'echo $JAVA_TOOL_OPTIONS'
docker exec stays /bin/cat /dev/caisson/java.jks > /tmp/java.jks
docker rm -f stays >/dev/null
mkdir /tmp/build && cd /tmp/build
printf 'FROM little:1\\nRUN echo $JAVA_TOOL_OPTIONS > /said && cat /dev/caisson/java.jks > /store\\n' > Dockerfile
docker build -q -t built . >/dev/null
docker create --name made built /bin/sh >/dev/null
docker cp made:/said - | tar -xO
docker cp made:/store - | tar -xO | cmp - /tmp/java.jks
'''
    told = "-Djavax.net.ssl.trustStore=/dev/caisson/java.jks"
    host.caisson("exec", "-u", "root", name, "--", "bash", "-ec", script).expect(out=f"{told}\n-Xmx99m {told}\n{told}\n")
    store = os.path.join(host.home, "java.jks")
    host.caisson("cp", f"{name}:/tmp/java.jks", store).expect()
    listed = subprocess.run(["keytool", "-list", "-rfc", "-keystore", store, "-storepass", "changeit"], check=True, capture_output=True, text=True)
    known = "".join(listed.stdout.split())
    for pem in (company, os.path.join(host.data, "caisson/ca/certificate.pem")):
        true(base64_of(pem) in known, f"Java does not find the certificate {pem}")
    host.caisson("rm", "-f", name).expect()

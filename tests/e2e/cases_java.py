# SPDX-License-Identifier: Apache-2.0
"""Java trusts the gate's authority: installed in a sandbox, in containers and in builds. From this machine's own package registries,
one of which is also the server whose requests are judged."""

import json
import subprocess
import urllib.parse

from cases_clients import apt_or_skip, npm_or_skip
from harness import Skipped, case, equal

ASK = r'''
import java.net.HttpURLConnection;
import java.net.URI;

public class Ask {
    // A registry ends a connection on which it is asked for nothing within some seconds, and a machine that is emulated takes as long for
    // its first TLS handshake: that is seen as an end, or as the gate's 502.
    static String ask(String url, int tries) throws Exception {
        try {
            int status = ((HttpURLConnection) new URI(url).toURL().openConnection()).getResponseCode();
            return status == 502 && tries > 1 ? ask(url, tries - 1) : String.valueOf(status);
        } catch (javax.net.ssl.SSLException error) {
            boolean ended = String.valueOf(error.getMessage()).contains("terminated the handshake");
            return ended && tries > 1 ? ask(url, tries - 1) : "SSLException";
        } catch (java.net.SocketException error) {
            if (tries > 1) return ask(url, tries - 1);
            throw error;
        }
    }

    public static void main(String[] urls) throws Exception {
        for (String url : urls) System.out.println(ask(url, 5));
    }
}
'''

# An image java:1 of the Java that was installed, and no certificates: not even the file in which Java has its own.
JAVA_IMAGE = r'''
home=$(dirname $(dirname $(readlink -f /usr/bin/java)))
root=$(mktemp -d)
libraries=$(for file in /bin/sh /usr/bin/env $home/bin/java $(find $home/lib -name '*.so'); do ldd $file | grep -o '/[^ ]*' || true; done | sort -u)
tar -chf - -C / --exclude=cacerts /bin/sh /usr/bin/env $home $libraries /usr/lib/x86_64-linux-gnu/libnss_dns* 2>/dev/null | tar -xf - -C $root
mkdir -p $root/tmp && cp /tmp/Ask.class $root/
tar -cf - -C $root . | docker import -c "ENV PATH=$home/bin:/usr/bin:/bin" - java:1 >/dev/null
'''


def registry_or_skip():
    """Of npm on this machine: what a rule calls it, and the URL of a package."""
    apt_or_skip()
    npm_or_skip()
    found = subprocess.run(["npm", "config", "get", "registry"], check=True, capture_output=True, text=True).stdout.strip().rstrip("/")
    url = urllib.parse.urlsplit(found)
    if url.scheme != "https":
        raise Skipped("npm's package registry speaks no TLS here")
    return f"{url.hostname}:{url.port or 443}", url.path, found


@case(image="base", timeout=2400, processors=2, may_skip="no package registry is reachable")
def java_trusts_the_gates_authority(host):
    """N20: by the store that Debian makes of the system's certificates; and in containers, `docker exec` and builds by a store that
    the container's Java is told of, which adds to the options that it has already."""
    place, prefix, registry = registry_or_skip()
    name = host.name("java")
    host.caisson("run", "-d", "--name", name, "-u", "root", "--disk", "20G", "--memory", "3G", "--allow", "@registries", "--allow",
                 f"{place} GET {prefix}/is-number", "--deny", f"{place} GET {prefix}/semver", "--", "sleep", "100000",
                 timeout=900).expect()
    install = "apt-get update -q && apt-get install -qy --no-install-recommends default-jre-headless"
    host.caisson("exec", "-u", "root", name, "--", "sh", "-ec", install, timeout=1500).expect()
    ask = f"java -cp /tmp:/ Ask {registry}/is-number {registry}/semver"
    script = f'''
cat > /tmp/Ask.java <<'END'
{ASK}
END
java -m jdk.compiler/com.sun.tools.javac.Main /tmp/Ask.java
{ask}
{JAVA_IMAGE}
docker run --rm java:1 {ask} 2>/tmp/said
grep -c 'Picked up JAVA_TOOL_OPTIONS: -Djavax.net.ssl.trustStore=/dev/caisson/java.jks' /tmp/said
docker run --rm java:1 /usr/bin/env -u JAVA_TOOL_OPTIONS {ask}
docker run -d -e JAVA_TOOL_OPTIONS=-Xmx99m --name stays java:1 /bin/sh -c 'read x < /dev/zero' >/dev/null
docker exec stays {ask} 2>/tmp/said
grep -c 'OPTIONS: -Xmx99m -Djavax' /tmp/said
docker rm -f stays >/dev/null
mkdir /tmp/build && cd /tmp/build
printf 'FROM java:1\\nRUN {ask} > /asked\\n' > Dockerfile
for kit in 0 1; do
  DOCKER_BUILDKIT=$kit docker build -q --no-cache -t built:$kit . >/dev/null
  docker create --name of$kit built:$kit /bin/sh >/dev/null
  docker cp of$kit:/asked - | tar -xO
  docker inspect -f '{{{{.Config.Env}}}}' built:$kit | grep -c caisson || true
done
'''
    good = "200\n403\n"
    host.caisson("exec", "-u", "root", name, "--", "bash", "-ec", script, timeout=1500).expect(
        out=good + good + "1\n" + "SSLException\nSSLException\n" + good + "1\n" + (good + "0\n") * 2)
    entries = map(json.loads, host.caisson("policy", "log", "--json", name).expect().out.splitlines())
    judged = [entry["verdict"] for entry in entries if entry["event"] == "request"]
    equal((judged.count("allowed"), judged.count("refused") > 0), (5, True), "requests that were judged")
    host.caisson("rm", "-f", name).expect()

"""OpenSearch: one node from Maven's jars, on the toolchain's Java."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from functools import partial

from stack.addresses import Addresses, EngineAddress
from stack.components.base import Component, Launch, Plan, Runner, Site, StartError
from stack.components.waits import Condition, HttpAnswers, direct

__all__ = ["LOGGING", "OPENSEARCH", "OpenSearch", "cluster_name", "healthy", "node_settings"]

OPENSEARCH = "opensearch"
_HEAP = "512m"
_TEMPLATE_WITHIN = 30.0
LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""


def cluster_name(run: str) -> str:
    """The cluster's name, by which a node of another stack on a port of ours is told apart."""
    return f"engineroom-{run}"


def node_settings(site: Site, cluster: str) -> str:
    """opensearch.yml of a node that is a cluster by itself (JSON, which is YAML)."""
    settings = {
        "cluster.name": cluster,
        "node.name": site.name,
        "discovery.type": "single-node",
        "network.host": site.host,
        "http.port": site.ports["server"],
        "transport.port": site.ports["transport"],
        "path.data": str(site.data),
        "path.logs": str(site.scratch),
        "path.repo": [str(site.folder / "snapshots")],
        # A machine whose disk is 90 % full would otherwise get indexes that cannot be written, and no error.
        "cluster.routing.allocation.disk.threshold_enabled": False,
    }
    return json.dumps(settings, indent=1) + "\n"


def healthy(cluster: str, body: bytes) -> str:
    """What is wrong with an answer of `_cluster/health`; an empty string when nothing is."""
    try:
        health = json.loads(body)
        status, name = health.get("status"), health.get("cluster_name")
    except (ValueError, AttributeError):
        return "something that is not a health document"
    if name != cluster:
        return f"for another cluster, {name}"
    return "" if status in ("green", "yellow") else f"cluster status {status}"


class OpenSearch(Component):
    """A search engine. Without its security plugin it has no password: loopback only."""

    name = OPENSEARCH
    tools = ("opensearch", "java")
    ports = ("server", "transport")
    start_within = 90.0
    optional = True

    def files(self, plan: Plan) -> Mapping[str, str]:
        """Node settings and logging to standard output."""
        return {
            "opensearch.yml": node_settings(plan.site(self.name), cluster_name(plan.run)),
            "log4j2.properties": LOGGING,
        }

    def prepare(self, plan: Plan, run: Runner) -> None:
        """Lay a home of its own around the installed modules: the server creates missing folders in its home."""
        home = plan.site(self.name).folder / "home"
        run(["mkdir", "-p", home])
        run(["ln", "-sfn", plan.tools.require("opensearch").root / "modules", home / "modules"])

    def launch(self, plan: Plan) -> Launch:
        """The JVM as the distribution's own script would start it, without the parts that need root."""
        site = plan.site(self.name)
        tool = plan.tools.require("opensearch")
        java = plan.tools.require("java")
        properties = {
            "java.awt.headless": "true",
            "file.encoding": "UTF-8",
            "jna.nosys": "true",
            "jna.tmpdir": site.scratch,
            "java.io.tmpdir": site.scratch,
            "io.netty.noUnsafe": "true",
            "io.netty.noKeySetOptimization": "true",
            "io.netty.recycler.maxCapacityPerThread": "0",
            "log4j.shutdownHookEnabled": "false",
            "log4j2.disable.jmx": "true",
            "opensearch.path.home": site.folder / "home",
            "opensearch.path.conf": site.config,
            "opensearch.distribution.type": "tar",
            "opensearch.bundled_jdk": "false",
        }
        return Launch(
            [
                java.program("java"),
                f"-Xms{_HEAP}",
                f"-Xmx{_HEAP}",
                "-XX:+UseSerialGC",
                "-Xshare:auto",
                # A node without memory must be seen to die, not to linger.
                "-XX:+ExitOnOutOfMemoryError",
                f"-XX:ErrorFile={site.scratch}/java_error_%p.log",
                "--enable-native-access=ALL-UNNAMED",
                *(f"-D{key}={value}" for key, value in properties.items()),
                "-cp",
                f"{tool.root}/lib/*",
                "org.opensearch.bootstrap.OpenSearch",
            ],
            cwd=site.scratch,
            env={**java.env, **tool.env},
            grace=20.0,
        )

    def answers(self, plan: Plan) -> Condition:
        """The cluster is green or yellow."""
        accept = partial(healthy, cluster_name(plan.run))
        return HttpAnswers(f"{self._url(plan)}/_cluster/health?timeout=1s", accept=accept)

    def settle(self, plan: Plan) -> None:
        """Give every index that nobody else has a template for an analyzer named `thai`.

        OpenSearch makes all of its named analyzers for each new index, and a slim Java runtime has no Thai dictionary:
        without this it refuses to make any index at all.

        Raises:
            StartError: the server refused.
        """
        analyzer = {"index.analysis.analyzer.thai.type": "standard"}
        template = {"index_patterns": ["*"], "priority": 0, "template": {"settings": analyzer}}
        request = urllib.request.Request(  # noqa: S310 - built from a site
            f"{self._url(plan)}/_index_template/engineroom-default",
            method="PUT",
            data=json.dumps(template).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            direct().open(request, timeout=_TEMPLATE_WITHIN).close()
        except OSError as error:
            raise StartError(
                "OpenSearch answers but takes no index template",
                on=self.shown_address(plan),
                got=str(error),
                fix="look at its log",
            ) from error

    def address(self, plan: Plan, known: Addresses) -> Addresses:
        """Add an engine."""
        engine = EngineAddress(kind="opensearch", url=self._url(plan))
        return known.model_copy(update={"engines": (*known.engines, engine)})

    def _url(self, plan: Plan) -> str:
        site = plan.site(self.name)
        return f"http://{site.host}:{site.ports['server']}"

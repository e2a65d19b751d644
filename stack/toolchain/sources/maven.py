"""OpenSearch from Maven artefacts: `lib/` and `modules/*`, every jar compared with its lock."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

from stack.toolchain.cache import TEMPORARY
from stack.toolchain.locks import check_all, sha256
from stack.toolchain.manifest import MavenModule, MavenSource
from stack.toolchain.sources.job import Job, Laid
from stack.toolchain.trust import machine_bundle, write_java_truststore

__all__ = ["descriptor", "install", "lay", "write_project"]

_LIMIT = 1800.0  # seconds
_NAMESPACE = "http://maven.apache.org/POM/4.0.0"
_CORE = "lib"
_TRUST = "trusted.p12"


def install(job: Job, source: MavenSource) -> Laid:
    """Lay `lib/` and `modules/*` in the root.

    Raises:
        ToolchainError: Maven or Java is missing, or Maven cannot have an artefact.
        LockMismatchError: a jar is not in the lock, differs from it, or is missing.
    """
    artefacts = lay(job, source)
    job.say(f"verifying {len(artefacts)} jars")
    check_all(job.root, artefacts, job.checksums or {}, lock=job.lock_file)
    main = next(name for name in artefacts if name.startswith(f"{_CORE}/{source.lib[0].split(':')[1]}-"))
    return Laid(job.entry.version, artefacts, artefacts[main], files=tuple(artefacts))


def lay(job: Job, source: MavenSource) -> dict[str, str]:
    """Let Maven copy the jars, arrange them, and tell the SHA-256 of each; nothing is compared yet."""
    with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=job.downloads) as folder:
        project = Path(folder)
        write_project(project, source)
        job.say("resolving with Maven")
        maven = job.tool("maven")
        env = dict(maven.env)
        if maven.origin == "cache":  # the machine's own Maven finds its own Java
            env |= job.tool("java").env
            _trust_what_the_machine_trusts(project)
        goal = f"{source.plugin}:copy-dependencies"
        job.run(
            [
                maven.program("mvn"),
                "--batch-mode",
                "--quiet",
                goal,
                "-DincludeScope=runtime",
                "-DoutputDirectory=jars",
            ],
            timeout=_LIMIT,
            attempt="Maven could not bring the artefacts",
            cwd=project,
            env=env,
            fix="see whether `mvn` reaches its repository on this machine",
        )
        _arrange(project, job.root, source)
    return {jar.relative_to(job.root).as_posix(): sha256(jar) for jar in sorted(job.root.rglob("*.jar"))}


def _trust_what_the_machine_trusts(project: Path) -> None:
    bundle = machine_bundle()
    if bundle is not None and write_java_truststore(bundle, project / _TRUST):
        options = project / ".mvn" / "jvm.config"  # read by `mvn` itself, so MAVEN_OPTS stays the user's
        options.parent.mkdir()
        options.write_text(f"-Djavax.net.ssl.trustStore={_TRUST}\n", "utf-8")


def _arrange(project: Path, root: Path, source: MavenSource) -> None:
    core = project / _CORE / "jars"
    shutil.copytree(core, root / _CORE)
    shared = {jar.name for jar in core.iterdir()}
    for module in source.modules:
        target = root / "modules" / module.name
        target.mkdir(parents=True)
        for jar in sorted((project / module.name / "jars").glob("*.jar")):
            if jar.name not in shared:  # the server refuses a class that is there twice ("jar hell")
                shutil.copy(jar, target / jar.name)
        version = module.artefact.rsplit(":", 1)[1]
        (target / "plugin-descriptor.properties").write_text(descriptor(module, version, source.java), "utf-8")


def descriptor(module: MavenModule, version: str, java: int) -> str:
    """The `plugin-descriptor.properties` of a module, as OpenSearch's PluginInfo reads it.

    Args:
        module: the module.
        version: of the artefact and of the server it belongs to.
        java: the Java feature release it needs.
    """
    lines = {
        "name": module.name,
        "description": f"The module {module.name}",
        "version": version,
        "opensearch.version": version,
        "java.version": str(java),
        "classname": module.classname,
    }
    if module.extends:
        lines["extended.plugins"] = ",".join(module.extends)
    return "".join(f"{key}={value}\n" for key, value in lines.items())


def write_project(folder: Path, source: MavenSource) -> None:
    """One Maven project with a part per folder to fill, so that Java starts once and not once per module."""
    parts = {_CORE: source.lib, **{module.name: (module.artefact,) for module in source.modules}}
    parent = _project("all")
    modules = SubElement(parent, "modules")
    for name, coordinates in parts.items():
        SubElement(modules, "module").text = name
        part = folder / name
        part.mkdir()
        _write(part, _part(name, coordinates))
    _write(folder, parent)


def _part(name: str, coordinates: Iterable[str]) -> Element:
    project = _project(f"part-{name}")
    dependencies = SubElement(project, "dependencies")
    for coordinate in coordinates:
        dependency = SubElement(dependencies, "dependency")
        for tag, text in zip(("groupId", "artifactId", "version"), coordinate.split(":"), strict=True):
            SubElement(dependency, tag).text = text
    return project


def _project(name: str) -> Element:
    project = Element("project", xmlns=_NAMESPACE)
    for tag, text in (
        ("modelVersion", "4.0.0"),
        ("groupId", "engineroom"),
        ("artifactId", name),
        ("version", "1"),
        ("packaging", "pom"),
    ):
        SubElement(project, tag).text = text
    return project


def _write(folder: Path, project: Element) -> None:
    (folder / "pom.xml").write_bytes(tostring(project, encoding="utf-8", xml_declaration=True))

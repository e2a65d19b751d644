"""The real code that fills a forge, brought by package clients from the toolchain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stack.errors import EngineRoomError
from stack.forge.corpus import Client, Clients, load_manifest
from stack.forge.corpus.fetch import bring, look
from stack.settings import Settings
from stack.toolchain import Failure, Progress, Toolchain
from stack.toolchain.trust import java_truststore

__all__ = ["Corpus", "package_clients"]

# pip is not among them: it is in the environment that this runs in.
_TOOLS = {"cargo": "cargo", "go": "go", "npm": "npm", "mvn": "maven"}
_COSTS = ("everything that searches or fills a forge with real code",)


def package_clients(toolchain: Toolchain) -> Clients:
    """The package clients of a toolchain; each is looked for when it is asked for, since a full cache needs none."""
    return _PackageClients(toolchain)


class Corpus:
    """What the cache has of the corpus, and what it lacks."""

    def __init__(self, settings: Settings) -> None:
        """Look into the cache; nothing is brought yet."""
        self._settings = settings
        self._archives, self._missing = look(load_manifest(), settings.corpus, cache_dir=settings.cache_dir)

    @property
    def tools(self) -> list[str]:
        """The tools that bring what is lacking; none when it is all there."""
        return [name for name in _TOOLS.values() if name in self._missing]

    def bring(self, progress: Progress) -> list[Failure]:
        """Bring what is lacking, by every client that can be had; what could not be had is returned."""
        failed: list[Failure] = []
        if not self._missing:
            return failed
        clients = package_clients(Toolchain(self._settings))
        with progress:
            for client, wanted in self._missing.items():
                name = f"corpus by {client}"
                progress.begin(name)
                progress.say(name, f"bringing {len(wanted)} archives")
                try:
                    self._archives |= bring(client, wanted, cache_dir=self._settings.cache_dir, clients=clients)
                except (EngineRoomError, OSError) as error:
                    failed.append(Failure(name, str(error), _COSTS, optional=False))
                    progress.end(name, str(error), good=False)
                else:
                    progress.end(name, f"{len(wanted)} archives, all as pinned", good=True)
        return failed

    def __str__(self) -> str:
        """One line."""
        new = sum(
            1
            for wanted in self._missing.values()
            for package, version in wanted
            if (package.name, version.version) in self._archives
        )
        return f"the {self._settings.corpus} corpus: {len(self._archives)} archives, {new} of them new"


class _PackageClients(Mapping[str, Client]):
    def __init__(self, toolchain: Toolchain) -> None:
        self._toolchain = toolchain

    def __getitem__(self, name: str) -> Client:
        tool = self._toolchain.find(_TOOLS[name])
        if tool is None:
            raise KeyError(name)
        if tool.origin != "cache":
            return Client(tool.program(name), tool.env)
        if name == "npm":
            # npm is a script that looks for `node` on PATH.
            return Client(tool.program("node"), tool.env, (str(tool.program("npm-cli.js")),))
        if name == "mvn":
            java = self._toolchain.require("java").env
            trusted = java_truststore(self._toolchain.cache.make("trust"))
            options = (f"-Djavax.net.ssl.trustStore={trusted}",) if trusted else ()
            return Client(tool.program(name), {**java, **tool.env}, options)
        return Client(tool.program(name), tool.env)

    def __iter__(self) -> Iterator[str]:
        return iter(_TOOLS)

    def __len__(self) -> int:
        return len(_TOOLS)

"""The reference deployment as its users meet it: a forge on a stack's addresses, its git, its indexes, its search."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from stack.addresses import Addresses, EngineKind, GitAddress, PostgresAddress
from stack.errors import NeedMissingError
from stack.forge.corpus import Clients, FillReport, Size, fill, objects
from stack.forge.git import GitAccess, open_git
from stack.forge.hosting import Hosting
from stack.forge.migrate import migrate
from stack.forge.repositories import Repositories
from stack.forge.smsly import SmslyForge
from stack.forge.vault import Vault
from stack.recovery.store import Bucket
from stack.search.engines import WRITE_SECONDS, open_engine
from stack.search.engines.base import Engine
from stack.search.exact.index import ExactIndex
from stack.search.exact_store import ExactFolder
from stack.search.extract.symbols import SymbolExtractor
from stack.search.indexer import Indexer, Progress, Report
from stack.search.service import Search
from stack.search.state import MIGRATIONS, State

__all__ = ["Reference"]


class Reference:
    """A forge on a stack. It is handed addresses and never learns where they lead."""

    def __init__(
        self,
        addresses: Addresses,
        *,
        folder: Path,
        ctags: Path,
        vault: Vault | None = None,
        clients: Clients | None = None,
        patience: float = WRITE_SECONDS,
    ) -> None:
        """Connect to what is there.

        Args:
            addresses: of the stack.
            folder: for caches that can be made anew: exact indexes, mirrors of repositories.
            ctags: the universal-ctags program.
            vault: keys for encrypted columns, where they are needed.
            clients: package clients that fetch the corpus, where they are not on PATH.
            patience: seconds for which a write is tried again while an engine is away.
        """
        self.addresses = addresses
        self._folder = folder
        self._ctags = ctags
        self._clients = clients
        self._patience = patience
        self._stack = ExitStack()
        conninfo = self.database.conninfo()
        migrate(conninfo)
        migrate(conninfo, MIGRATIONS, table="search_migration")
        self.forge: SmslyForge = self._stack.enter_context(SmslyForge(conninfo, vault=vault))
        self.git: GitAccess = self._stack.enter_context(open_git(self._git_address(), folder / "mirrors"))
        self._engines: dict[EngineKind, Engine] = {}

    def __enter__(self) -> Self:
        """Use it as a context that closes."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._stack.close()

    @property
    def database(self) -> PostgresAddress:
        """The primary."""
        if self.addresses.database is None:
            raise NeedMissingError("postgresql", "This stack has no database")
        return self.addresses.database

    @property
    def repositories(self) -> Repositories:
        """Where repositories are written; only a stack on this machine has such a place."""
        address = self._git_address()
        if address.form != "local":
            raise NeedMissingError("local-git", "Repositories of this stack cannot be written from here")
        return Repositories(Path(address.location))

    @property
    def hosting(self) -> Hosting:
        """Forge and git as one, for whoever writes to both."""
        return Hosting(self.forge, self.repositories)

    @property
    def kinds(self) -> list[EngineKind]:
        """The engines that the stack has."""
        return [address.kind for address in self.addresses.engines]

    def engine(self, kind: EngineKind) -> Engine:
        """One search engine.

        Raises:
            NeedMissingError: the stack does not have it.
        """
        if kind not in self._engines:
            address = self.addresses.engine(kind)
            if address is None:
                raise NeedMissingError(kind, f"This stack has no {kind}")
            engine = open_engine(address, write_seconds=self._patience)
            self._stack.callback(engine.close)
            self._engines[kind] = engine
        return self._engines[kind]

    def state(self, kind: EngineKind) -> State:
        """What one engine is known to hold; to be closed by the caller."""
        return State(self.database.conninfo(), kind)

    def fill(self, size: Size, *, cache: Path, progress: Callable[[str], None] | None = None) -> FillReport:
        """Fill the forge with the corpus; a filled one is left as it is.

        Args:
            size: how much of it.
            cache: where fetched packages are kept.
            progress: told one line for each step.
        """
        return fill(
            self.forge,
            self.repositories.root,
            size,
            cache_dir=cache,
            clients=self._clients,
            progress=progress,
        )

    def put_objects(self, size: Size, bucket: str, *, cache: Path) -> int:
        """Put what the corpus' rows name into the object store, where it is not there yet; how many were put.

        Args:
            size: how much of the corpus the forge was filled with.
            bucket: the forge's own, made where there is none.
            cache: where fetched packages are kept.
        """
        if self.addresses.objects is None:
            return 0
        store = Bucket(self.addresses.objects, bucket, "")
        store.create()
        put = 0
        for key, content in objects(size, cache_dir=cache, clients=self._clients):
            if store.head(key) is None:
                store.put(key, content)
                put += 1
        return put

    def index(
        self, kind: EngineKind, *, full: bool = False, progress: Callable[[Progress], None] | None = None
    ) -> Report:
        """Bring one engine up to date; see `stack.search.indexer.Indexer.run`."""
        with (
            self.state(kind) as state,
            ExactFolder(self._exact_folder(kind)) as exact,
            SymbolExtractor(self._ctags) as symbols,
        ):
            indexer = Indexer(
                forge=self.forge,
                git=self.git,
                engine=self.engine(kind),
                exact=exact,
                state=state,
                symbols=symbols,
                progress=progress or (lambda _: None),
            )
            return indexer.run(full=full)

    def search(self, kind: EngineKind) -> Search:
        """The search on one engine; close it when done."""
        return Search(
            forge=self.forge,
            git=self.git,
            engine=self.engine(kind),
            exact=ExactIndex(self._exact_folder(kind)),
            state=self.state(kind),
        )

    def _git_address(self) -> GitAddress:
        if self.addresses.git is None:
            raise NeedMissingError("git", "This stack has no git server")
        return self.addresses.git

    def _exact_folder(self, kind: EngineKind) -> Path:
        # One folder for each database and engine, so that two deployments never share a cache.
        database = self.database
        mark = f"{database.host}:{database.port}/{database.database}"
        return self._folder / "exact" / f"{kind}-{hashlib.sha256(mark.encode()).hexdigest()[:12]}"

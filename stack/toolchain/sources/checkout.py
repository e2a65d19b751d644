"""Programs built from this checkout by their language's own builder, which holds them to their lock."""

from __future__ import annotations

import shutil
from pathlib import Path

from stack.process import environment as surroundings
from stack.toolchain.checkout import digest_of, mirror
from stack.toolchain.errors import LockMismatchError, ToolchainError
from stack.toolchain.locks import sha256
from stack.toolchain.manifest import CheckoutSource
from stack.toolchain.npm import npm_command
from stack.toolchain.sources.job import Job, Laid

__all__ = ["install"]

_INSTALLED = ".engineroom-lock"

_BUILD_LIMIT = 3600.0  # seconds; everything from nothing takes some minutes on two busy cores
_LOCK_COMPLAINTS = (
    # Cargo
    "--locked was passed",
    "checksum for `",
    # Go
    "checksum mismatch",
    "SECURITY ERROR",
    "missing go.sum entry",
    # npm
    "EINTEGRITY",
    "npm ci` can only install packages when your package.json and package-lock.json",
)


def install(job: Job, source: CheckoutSource) -> Laid:
    """Build the program and lay it in the root.

    Raises:
        ToolchainError: the builder is missing, cannot fetch what the lock names, or the build fails.
        LockMismatchError: something is not what the lock promises.
    """
    folder = (job.folder / source.folder).resolve()
    builders = {"cargo": _cargo, "go": _go, "npm": _npm}
    try:
        return builders[source.builder](job, source, folder)
    except ToolchainError as error:
        output = getattr(error.__cause__, "output", "")
        if any(complaint in output for complaint in _LOCK_COMPLAINTS):
            lock = str(folder / source.lock)
            raise LockMismatchError(
                job.entry.name, expected=f"what {source.lock} says", got=error.got, lock=lock
            ) from error
        raise


def _cargo(job: Job, source: CheckoutSource, folder: Path) -> Laid:
    rust = job.tool("rust")
    target = _kept(job, folder)
    if shutil.which("cc") is None:
        raise ToolchainError(
            f"{job.entry.name} could not be built: Rust needs a C compiler to link",
            got="there is no `cc` on PATH",
            fix="install one; on Debian: apt-get install gcc libc6-dev",
        )
    job.say("building with Cargo (minutes, the first time)")
    job.run(
        [
            rust.program("cargo"),
            "build",
            "--release",
            "--locked",
            "--manifest-path",
            folder / "Cargo.toml",
            "--target-dir",
            target,
        ],
        timeout=_BUILD_LIMIT,
        attempt=f"{job.entry.name} could not be built",
        cwd=folder,
        env={**rust.env, "CARGO_TERM_COLOR": "never"},
        fix=f"see whether `cargo build --release --locked` works in {folder}",
    )
    return _lay(job, target / "release" / source.program, source.program)


def _go(job: Job, source: CheckoutSource, folder: Path) -> Laid:
    built = _kept(job, folder) / source.program
    job.say("building with Go (minutes, the first time)")
    # Flags on the command line win over the user's GOFLAGS, so the lock cannot be switched off by accident.
    flags = ["-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w"]
    job.run(
        [job.tool("go").program("go"), "build", "-C", folder, *flags, "-o", built, source.package],
        timeout=_BUILD_LIMIT,
        attempt=f"{job.entry.name} could not be built",
        env={"GOWORK": "off", "CGO_ENABLED": "0"},
        fix=f"see whether `go build {source.package}` works in {folder}",
    )
    return _lay(job, built, source.program)


def _npm(job: Job, source: CheckoutSource, folder: Path) -> Laid:
    npm = job.tool("npm")
    # Built from a copy: a build writes beside its sources, and the checkout may be somebody's who is working in it.
    kept = _kept(job, folder)
    mirror(folder, kept)
    environment = {
        **npm.env,
        "PATH": f"{next(iter(npm.programs.values())).parent}:{surroundings().get('PATH', '')}",
        "CI": "1",
        "NEXT_TELEMETRY_DISABLED": "1",
    }
    fix = f"see whether `npm ci` and `npm run build` work in {folder}"
    attempt = f"{job.entry.name} could not be built"
    command: list[str | Path] = [*npm_command(npm)]
    locked, mark = sha256(kept / source.lock), kept / "node_modules" / _INSTALLED
    if not (mark.is_file() and mark.read_text("utf-8") == locked):
        job.say("fetching packages with npm")
        words = [*command, "ci", "--no-fund", "--no-audit"]
        job.run(words, timeout=_BUILD_LIMIT, attempt=attempt, cwd=kept, env=environment, fix=fix)
        mark.write_text(locked, "utf-8")
    job.say("building with npm")
    words = [*command, "run", "build"]
    job.run(words, timeout=_BUILD_LIMIT, attempt=attempt, cwd=kept, env=environment, fix=fix)
    built = kept / source.output
    if not (built / source.program).is_file():
        raise ToolchainError(f"{job.entry.name} was built without {source.program}", on=str(built))
    shutil.copytree(built, job.root, symlinks=True, dirs_exist_ok=True)
    (job.root / source.program).chmod(0o755)
    digest = digest_of(job.root, everything=True)
    return Laid(job.entry.version, {source.output: digest}, digest)


def _kept(job: Job, folder: Path) -> Path:
    """The folder that makes the next build of the same sources quick."""
    kept = job.builds / folder.name
    kept.mkdir(parents=True, exist_ok=True)
    kept.chmod(0o755)
    return kept


def _lay(job: Job, built: Path, program: str) -> Laid:
    if not built.is_file():
        raise ToolchainError(
            f"{job.entry.name} was built, and its program is not where it should be",
            on=str(built),
            fix="is CARGO_BUILD_TARGET or another setting of the builder in the way?",
        )
    target = job.root / "bin" / program
    target.parent.mkdir()
    shutil.copyfile(built, target)
    target.chmod(0o755)
    digest = sha256(target)
    return Laid(job.entry.version, {program: digest}, digest)

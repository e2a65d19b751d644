"""Forty people and six organisations that never were."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from stack.forge.corpus.dice import Dice
from stack.forge.fastimport import Person

__all__ = ["BORN", "ORGANIZATIONS", "Member", "Society", "society"]

BORN = datetime(2018, 1, 8, 9, tzinfo=UTC)
_PEOPLE = 40

_FIRST = [
    "Aino",
    "Bruno",
    "Chidi",
    "Dalia",
    "Emeka",
    "Farah",
    "Goran",
    "Hana",
    "Ivo",
    "Jasmin",
    "Kofi",
    "Leila",
    "Mateo",
    "Nadia",
    "Oskar",
    "Priya",
    "Quentin",
    "Rosa",
    "Søren",
    "Tamar",
    "Uma",
    "Viktor",
    "Wanda",
    "Xin",
    "Yusuf",
    "Zofia",
    "Amara",
    "Björn",
    "Camila",
    "Dmitri",
    "Esi",
    "Fatima",
    "Giulia",
    "Hiro",
    "Inés",
    "Jakub",
]
_LAST = [
    "Abara",
    "Bergström",
    "Castellano",
    "Dvořák",
    "Eriksen",
    "Fontaine",
    "Grünwald",
    "Haddad",
    "Ivanova",
    "Jankowski",
    "Kovács",
    "Lindqvist",
    "Moreau",
    "Nakamura",
    "Okafor",
    "Petrov",
    "Quintana",
    "Rossi",
    "Sørensen",
    "Takahashi",
    "Ursu",
    "Vasquez",
    "Weiss",
    "Xu",
    "Yamada",
    "Zielinski",
    "Achterberg",
    "Brandt",
    "Cohen",
    "Diallo",
    "Ekström",
    "Ferrari",
    "Gupta",
    "Horváth",
    "Ito",
    "Jensen",
]
_PLACES = ("Accra", "Bergen", "Brno", "Cusco", "Delhi", "Gdańsk", "Kyoto", "Lagos", "Lyon", "Osaka", "Porto", "Tbilisi")
_TRADES = (
    "compilers and coffee",
    "storage engines",
    "build systems, mostly late at night",
    "parsers, printers and everything in between",
    "network protocols",
    "documentation that people read",
    "release engineering",
    "types",
)
_HOURS = (-8, -5, -3, 0, 1, 2, 3, 5, 8, 9)

# name, full name, description
ORGANIZATIONS = (
    ("ferrite", "Ferrite", "Command line tools and error handling in Rust"),
    ("gopherworks", "Gopherworks", "Go modules for services and their configuration"),
    ("papyrus", "Papyrus", "The Python we write every day"),
    ("nodeyard", "Nodeyard", "JavaScript and TypeScript, on servers and in browsers"),
    ("foundry", "Foundry", "Compression, storage and other metal: C and C++"),
    ("roastery", "Roastery", "Libraries for the JVM"),
)


@dataclass(frozen=True, slots=True)
class Member:
    """One made-up person."""

    username: str
    full_name: str
    bio: str
    location: str
    joined: datetime
    zone: timezone

    @property
    def person(self) -> Person:
        """As git knows them."""
        return Person(self.full_name, f"{self.username}@users.forge.example")


@dataclass(frozen=True, slots=True)
class Society:
    """Everybody, and who belongs to which organisation.

    Attributes:
        members: all people.
        owners: for each organisation, its owners.
        maintainers: for each organisation, the team that may write to all its repositories.
        readers: for each organisation, the team that may read its private repositories one by one.
        guests: for each organisation, a team with level none on everything: members who may read nothing private.
    """

    members: tuple[Member, ...]
    owners: dict[str, tuple[Member, ...]]
    maintainers: dict[str, tuple[Member, ...]]
    readers: dict[str, tuple[Member, ...]]
    guests: dict[str, tuple[Member, ...]]


def society(seed: str) -> Society:
    """Everybody, from a seed."""
    dice = Dice(seed, "people")
    members: dict[str, Member] = {}
    while len(members) < _PEOPLE:
        first, last = dice.choice(_FIRST), dice.choice(_LAST)
        username = _plain(first)[0] + _plain(last)
        members.setdefault(
            username,
            Member(
                username=username,
                full_name=f"{first} {last}",
                bio=f"I work on {dice.choice(_TRADES)}." if dice.chance(70) else "",
                location=dice.choice(_PLACES) if dice.chance(60) else "",
                joined=dice.after(BORN, days=(0, 60)),
                zone=timezone(timedelta(hours=dice.choice(_HOURS))),
            ),
        )
    everybody = tuple(members.values())
    roles: list[dict[str, tuple[Member, ...]]] = [{}, {}, {}, {}]
    for name, _, _ in ORGANIZATIONS:
        drawn = Dice(seed, "organization", name).some(everybody, 9)
        for role, (start, end) in zip(roles, ((0, 2), (2, 5), (5, 8), (8, 9)), strict=True):
            role[name] = tuple(drawn[start:end])
    return Society(everybody, *roles)


def _plain(name: str) -> str:
    """Lower-case ASCII letters of a name."""
    folded = unicodedata.normalize("NFKD", name.replace("ø", "o").replace("Ø", "O"))
    return "".join(char for char in folded.lower() if char in "abcdefghijklmnopqrstuvwxyz")

"""All that is held about one person, readable by them: as JSON, as a page, and as a bundle to be checked.

The GDPR calls it the right of access (article 15) and to data portability (article 20). Texts about somebody
else stay sealed, also where an entry names this person too: whose they are may ask for them. That it was
given is recorded first.
"""

from __future__ import annotations

import html
import json
import os
from collections.abc import Container, Iterable, Mapping
from datetime import datetime, tzinfo
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from attrs import evolve, field, frozen
from msgspec.structs import replace

from reps_ledger.audit import SignedCheckpoint, SigningKey
from reps_ledger.domain.entries import Entry, member_tag
from reps_ledger.domain.facts import AccessGiven, EntryCorrected, Fact
from reps_ledger.domain.sealed import Sealed
from reps_ledger.domain.time import local_day
from reps_ledger.errors import InvalidInput, NotFound
from reps_ledger.files import may_be_written, output_file
from reps_ledger.importers.rows import write_row
from reps_ledger.interchange import JsonObject
from reps_ledger.ledger import proofs
from reps_ledger.ledger.core import Attribution, Core
from reps_ledger.ledger.erasing import keyring_of
from reps_ledger.log.codec import Codec
from reps_ledger.log.sealing import personal_texts
from reps_ledger.privacy import texts_bytes
from reps_ledger.projections import project, timeline
from reps_ledger.views import MemberView

DATA: Final = "data.json"
PAGE: Final = "page.html"
BUNDLE: Final = "bundle.json"
TEXTS: Final = "texts.json"
ELSEWHERE: Final = "[about somebody else]"
"""What a text reads as that is about another person."""


@frozen(kw_only=True)
class Portable:
    """What is held about one person.

    Attributes:
        member: who, by the identifier that merges keep.
        data: all of it, as JSON has it: their profile, accounts, roles, standing and entries.
        page: the same as a page of HTML, which asks nothing of any other host.
        bundle: the entries with proofs, as of `Ledger.audit_bundle`; None where no checkpoint was given.
        texts: a key for each sealed text of the bundle that is about them, and no other, by which
            `reps_ledger.privacy.open_texts` and ``reps-ledger verify-bundle --texts`` open and check these;
            None without a bundle, or where nothing is sealed.
    """

    member: str
    data: JsonObject
    page: str
    bundle: bytes | None
    texts: bytes | None = field(default=None, repr=False)

    def write(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write it into a folder, as files that are not there yet; return their paths.

        Raises:
            PathTaken: one of them is there.
            StorageError: it cannot be written.
        """
        place = Path(folder)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        parts = {
            DATA: msgspec.json.format(msgspec.json.encode(self.data), indent=1),
            PAGE: self.page.encode(),
        }
        if self.bundle is not None:
            parts[BUNDLE] = self.bundle
        if self.texts is not None:
            parts[TEXTS] = self.texts
        for name, content in parts.items():
            with output_file(place / name, secret=True, field="folder") as file:
                file.write(content)
        return [place / name for name in parts]


def access_given(
    core: Core,
    target: str | os.PathLike[str] | IO[bytes],
    by: str | None,
    *,
    as_recorded: bool,
    replace: bool,
) -> None:
    """Record that everybody's texts are given out, once nothing is in an export's way; see `Ledger.export`.

    Raises:
        InvalidInput: nobody is named who gives them, or what is stored should be revealed.
        PathTaken: the file may not be written.
        ConfigurationError: there are no keys to open texts by.
    """
    if by is None:
        raise InvalidInput("say who reveals personal texts", field="by")
    if as_recorded:
        raise InvalidInput(
            "what is stored is written as it is: nothing of it can be revealed", field="reveal"
        )
    if isinstance(target, str | os.PathLike):
        may_be_written(target, replace=replace, field="target")
    _must_have_keys(core)
    core.record([(AccessGiven(form="export"), None)], Attribution(by=by))


def _must_have_keys(core: Core) -> None:
    """Refuse to give out texts that cannot be opened."""
    core.refreshed()
    if core.own_zone.seals:
        keyring_of(core)


def portable(
    core: Core,
    member: str,
    attribution: Attribution,
    *,
    held: SignedCheckpoint | str | None,
    key: SigningKey | str | None,
) -> Portable:
    """Return all that is held about somebody; see `Ledger.portable`."""
    person = core.as_of().member(member)
    entries = core.reading().recorded_of(member)
    if not entries:
        raise NotFound(f"nothing is recorded of {member}")
    _must_have_keys(core)
    core.record([(AccessGiven(form="portable", person=person.member), None)], attribution)
    own = frozenset(core.reading().amendments().identifiers(person.member)) | {member}
    bundle = texts = None
    if held is not None or key is not None:
        bundle = proofs.bundle(core, core.tree(None), member=member, review=None, held=held, key=key)
        texts = _texts(core, own, {row["position"] for row in json.loads(bundle)["entries"]})
    data = _data(core, person, entries, own)
    page = _page(core, person, data)
    return Portable(member=person.member, data=data, page=page, bundle=bundle, texts=texts)


def _texts(core: Core, own: frozenset[str], positions: Container[int]) -> bytes | None:
    """Return the keys of the sealed texts about a person beside some entries, each of that text alone."""
    keyring = core.own_zone.keyring
    if keyring is None or not core.own_zone.seals:
        return None
    keys: dict[tuple[int, str], bytes] = {}
    gone: dict[tuple[int, str], str] = {}
    for position, beside in core.log.sealed_under(map(member_tag, own)):
        for text in beside if position in positions else ():
            if text.place.member in own and text.blob is not None:
                place = position, text.place.path
                key = keyring.field_key(text)
                if key is None:
                    gone[place] = keyring.open(text)
                else:
                    keys[place] = key
    return texts_bytes(keyring.ledger, keys, gone)


def _data(core: Core, person: MemberView, entries: Iterable[Entry], own: frozenset[str]) -> JsonObject:
    codec = core.log.codec
    membership = person.membership
    return {
        "member": person.member,
        "identifiers": sorted(own),
        "ledger": core.ledger,
        "known_at": core.reading().known_at,
        "profile": {**person.profile},
        "accounts": [{"provider": p, "account": a} for p, a in sorted(person.belonging.accounts)],
        "membership": {
            "joined_at": membership.joined_at,
            "kind": membership.kind,
            "standing": membership.standing,
            "since": membership.since,
            "retired_at": membership.retired_at,
        },
        "roles": [msgspec.to_builtins(each) for each in person.roles.ever],
        "communities": sorted(person.belonging.communities),
        "affiliations": sorted(map(str, person.belonging.affiliations)),
        "vouched_for_by": [msgspec.to_builtins(each) for each in person.vouches.received],
        "entries": [write_row(_opened(entry, own, codec), codec) for entry in entries],
    }


def _opened(entry: Entry, own: frozenset[str], codec: Codec) -> Entry:
    """Return an entry with the texts about this person opened, and those about others marked."""
    return replace(entry, fact=_shown(entry.fact, own, codec))


def _shown(fact: Fact, own: frozenset[str], codec: Codec) -> Fact:
    changes: dict[str, object] = {}
    for name, text in personal_texts(fact, codec.registry.of(fact)):
        about = text.place.member if isinstance(text, Sealed) else getattr(fact, "member", None)
        if about is not None and about not in own:
            changes[name] = ELSEWHERE
        elif isinstance(text, Sealed):
            changes[name] = codec.text_of(text)
    if isinstance(fact, EntryCorrected):
        changes["replacement"] = _shown(fact.replacement, own, codec)
    return evolve(fact, **changes) if changes else fact  # type: ignore[misc]  # of any class


_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0}"
)


def _page(core: Core, person: MemberView, data: Mapping[str, Any]) -> str:
    """Return a page of HTML; whatever comes from the ledger is escaped."""
    zone = core.zone
    own = frozenset(data["identifiers"])
    said = [_opened(entry, own, core.log.codec) for entry in core.reading().member(person.member)[1]]
    life = project(timeline(person.member, zone), said)
    title = f"What is held about {person.name or person.member}"
    roles = [
        (h.role, h.community or "", _day(h.start, zone), _day(h.end, zone), h.reason)
        for h in person.roles.ever
    ]
    vouches = [(v.voucher, _day(v.at, zone), v.reason) for v in person.vouches.received]
    whence = f"Ledger {data['ledger']}, up to position {data['known_at']}. Texts about others are left out."
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        f"<p>{html.escape(whence)}</p>",
        _table("Profile", ("field", "value"), data["profile"].items()),
        _table("Accounts", ("provider", "account"), [tuple(each.values()) for each in data["accounts"]]),
        _table("Roles", ("role", "community", "from", "to", "why"), roles),
        _table("Vouched for by", ("who", "when", "why"), vouches),
        _table("Life in the programme", ("when", "what"), [(_day(e.at, zone), e.words) for e in life]),
        _table("Every entry", ("entry",), [(msgspec.json.encode(e).decode(),) for e in data["entries"]]),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def _table(title: str, heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(str(each))}</td>' for each in row)}</tr>" for row in rows
    )
    head = "".join(f"<th>{html.escape(each)}</th>" for each in heads)
    return f"<h2>{html.escape(title)}</h2><table><tr>{head}</tr>{body}</table>" if body else ""


def _day(instant: datetime | None, zone: tzinfo) -> str:
    return "" if instant is None else local_day(instant, zone).isoformat()

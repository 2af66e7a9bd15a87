"""What a `Ledger` does about personal texts: sealing, finding, giving, erasing and redacting them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from reps_ledger.audit import SignedCheckpoint, SigningKey
from reps_ledger.domain.arguments import checked_methods
from reps_ledger.domain.entries import Entry
from reps_ledger.errors import ConfigurationError
from reps_ledger.ledger.core import Attribution, Core
from reps_ledger.ledger.directory import Person, find, names, pseudonyms, restore_accounts
from reps_ledger.ledger.erasing import ErasureReport, erase, resume
from reps_ledger.ledger.portable import Portable, portable
from reps_ledger.ledger.redacting import RedactionReport, redact, redact_entry
from reps_ledger.ledger.redacting import resume as resume_redactions
from reps_ledger.ledger.retention import Due, RetentionReport, due_erasures, erase_due
from reps_ledger.log import Receipt


@checked_methods
class PersonalData:
    """The part of a `Ledger` that is about personal texts."""

    _core: Core

    @property
    def seals(self) -> bool:
        """Whether the ledger declares that it seals personal texts."""
        self._core.refreshed()
        return self._core.own_zone.seals

    def begin_sealing(
        self, *, by: str, on_behalf_of: str | None = None, command_id: str | None = None
    ) -> Receipt:
        """Declare that personal texts are sealed from now on: there is no way back.

        What was recorded before stays in the clear, for ever; `check` lists it.

        Args:
            by: who declares it.
            on_behalf_of: for whom ``by`` acts.
            command_id: makes this idempotent.

        Raises:
            ConfigurationError: the ledger was opened without keys.
        """
        zone = self._core.own_zone
        if zone.keyring is None:
            raise ConfigurationError("sealing takes keys: open the ledger with keys=")
        self._core.refreshed()
        try:
            attribution = Attribution(by=by, on_behalf_of=on_behalf_of, command_id=command_id)
            receipt = self._core.record([(zone.sealing(), None)], attribution)
        finally:
            self._core.refreshed()
        return receipt

    def opened(self, entry: Entry) -> Entry:
        """Return an entry with its sealed texts opened, as far as the keys are there.

        Raises:
            PrivacyError: what is stored cannot be what was sealed.
        """
        return self._core.log.codec.opened_entry(entry)

    def find(self, text: str) -> tuple[Person, ...]:
        """Find people by their names, addresses, accounts and identifiers, as they are by now.

        Args:
            text: each of its words begins a word of what is found; of identifiers, a part.
        """
        return find(self._core, text)

    def names(self, members: Iterable[str]) -> dict[str, str]:
        """Return what people are called by now: the names of those of some members who have one."""
        return {**names(self._core, members)}

    def portable(
        self,
        member: str,
        *,
        by: str,
        on_behalf_of: str | None = None,
        checkpoint: SignedCheckpoint | str | None = None,
        key: SigningKey | str | None = None,
    ) -> Portable:
        """Return all that is held about one person, readable by them; that it was given is recorded first.

        Texts about other people are left out, also where an entry names this person.

        Args:
            member: about whom.
            by: who gives it.
            on_behalf_of: for whom ``by`` acts.
            checkpoint: of which tree a bundle of the entries proves that they are there.
            key: signs a checkpoint of all that there is, instead.

        Raises:
            NotFound: nothing is recorded of them.
        """
        attribution = Attribution(by=by, on_behalf_of=on_behalf_of)
        return portable(self._core, member, attribution, held=checkpoint, key=key)

    def erase(
        self,
        member: str,
        reason: str = "request",
        *,
        by: str,
        on_behalf_of: str | None = None,
        sign_with: SigningKey | None = None,
    ) -> ErasureReport:
        """Destroy the personal texts about somebody, for ever: nothing undoes it, and it can be repeated.

        Their keys are destroyed, with the names of their accounts and all by which they are found. That
        they are a member stays, and so do dates, roles, decisions, counts, every proof and every
        checkpoint. From now on nothing is recorded of them but what ends.

        Args:
            member: who; every identifier that merges found to be theirs is erased too.
            reason: the ground; one of `reps_ledger.domain.facts.ERASURES`.
            by: who orders it.
            on_behalf_of: for whom ``by`` acts.
            sign_with: signs the receipt, which is kept in the folder ``<file>.erasures`` beside the ledger's
                file.

        Raises:
            ConfigurationError: the ledger does not seal, or was opened without keys.
            NotFound: nothing is recorded of anybody of that name.
            Refused: the charter does not let them order it.
        """
        return erase(self._core, member, reason, Attribution(by=by, on_behalf_of=on_behalf_of), sign_with)

    def resume_erasures(self) -> list[ErasureReport]:
        """Go on with erasures that were interrupted, as opening a ledger does; return what was done."""
        return resume(self._core)

    def due_erasures(self, at: date | None = None) -> tuple[Due, ...]:
        """Return which personal texts were kept as long as the charter in force says.

        Args:
            at: by when; a date means its end, None now.

        Raises:
            ConfigurationError: the ledger does not seal, or was opened without keys.
        """
        return due_erasures(self._core, self._core.as_of(at).valid_at)

    def erase_due(self, at: date | None = None) -> RetentionReport:
        """Destroy the keys of personal texts that were kept as long as the charter in force says.

        Raises as `due_erasures` does.
        """
        return erase_due(self._core, self._core.as_of(at).valid_at)

    def redact(self, member: str, *, by: str, on_behalf_of: str | None = None) -> RedactionReport:
        """Destroy the ciphertexts of all texts about somebody who was erased, for ever.

        Erasing destroys the keys, which a backup of them may still have; after this nothing is left to be
        opened. Their entries, every proof and every checkpoint stay what they were; the texts read
        "[redacted]". It can be repeated.

        Args:
            member: who; the texts under every identifier of theirs go.
            by: who orders it: ``text.redacted`` is recorded first.
            on_behalf_of: for whom ``by`` acts.

        Raises:
            Refused: they were not erased, or the charter does not let ``by`` order it.
            NotFound: nothing is recorded of anybody of that name.
            NotOffered: what keeps the ledger changes no entry in any way; SQLite and PostgreSQL redact.
            ReadOnly: this role may not: on PostgreSQL only the owner of the tables.
            ConfigurationError: the ledger does not seal.
        """
        return redact(self._core, member, Attribution(by=by, on_behalf_of=on_behalf_of))

    def redact_entry(self, entry_id: str, *, by: str, on_behalf_of: str | None = None) -> RedactionReport:
        """Destroy the ciphertexts beside one entry, whomever they are about; see `redact`.

        What corrects that entry, or was corrected by it, has texts of its own.

        Args:
            entry_id: which.
            by: who orders it.
            on_behalf_of: for whom ``by`` acts.

        Raises:
            NotFound: there is none of that id.
            Refused, NotOffered, ReadOnly, ConfigurationError: as for `redact`.
        """
        return redact_entry(self._core, entry_id, Attribution(by=by, on_behalf_of=on_behalf_of))

    def resume_redactions(self) -> tuple[str, ...]:
        """Go on with redactions that were interrupted, as opening does; return what is pending, in words."""
        return resume_redactions(self._core)

    def pseudonyms(self, members: Iterable[str]) -> dict[str, str]:
        """Return what may stand for the identifiers of those of some members who were erased.

        A pseudonym is always the same, and nobody without the keys can tell whose it is.

        Raises:
            ConfigurationError: the ledger does not seal, or was opened without keys.
        """
        return pseudonyms(self._core, members)

    def restore_accounts(self) -> int:
        """Make again what a key file from a backup lacks of accounts that were linked since; return how many.

        To be done after a key file was restored: who has an account is judged by what lies beside the keys.
        Those whose keys are gone as well cannot be made again.

        Raises:
            ConfigurationError: the ledger does not seal, or was opened without keys.
        """
        return restore_accounts(self._core)

"""The rules of accounts: whose one is, which nobody else may have, nor one that reads like it.

In a ledger that seals, an account is judged by its token; what is said of it then does not say its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from reps_ledger.domain import facts as f
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.names import canonical_name
from reps_ledger.domain.rules.folds import (
    ACCOUNT,
    ACCOUNT_NAME,
    ACCOUNT_NAME_OF_BEFORE,
    ACCOUNT_OF_BEFORE,
    MEMBER,
    AccountLink,
    AccountState,
    MemberState,
    account_names,
    canonical_account,
)
from reps_ledger.domain.rules.parts import Known, Parts, Rule
from reps_ledger.domain.rules.phrases import day_of, must_be_member, refuse
from reps_ledger.domain.sealed import Account, Sealed
from reps_ledger.errors import Refusal


def account_parts(fact: f.MemberJoined | f.AccountLinked | f.AccountUnlinked) -> Parts:
    """Return the parts that say whose a fact's account is, and whose those are that read like it."""
    own = ACCOUNT.part(*account_names(fact))
    account = fact.account
    if isinstance(account, Sealed):
        return (own,)
    if isinstance(account, Account):
        return (own, *_of_tokens(getattr(fact, "provider", ""), account))
    form = canonical_account(fact)
    return (own, ACCOUNT_NAME.part(*form), ACCOUNT_OF_BEFORE.part(*form))


def _of_tokens(provider: str, account: Account) -> Parts:
    """Return the parts of tokens of others for an account or one like it, and of what lies in the clear."""
    exact, alike = account.tokens.others()
    form = [canonical_name(provider), canonical_name(account.name)]
    clear = (
        ACCOUNT_OF_BEFORE.part(provider, account.name),
        ACCOUNT_OF_BEFORE.part(*form),
        ACCOUNT_NAME_OF_BEFORE.part(*form),
    )
    return (*(ACCOUNT_OF_BEFORE.part(at, token) for at, token in (*exact, *alike)), *dict.fromkeys(clear))


def judge_account(member: str, account: str, provider: str, *accounts: AccountState) -> Iterator[Refusal]:
    """Refuse an account that is somebody's, or reads like one that is. None is named: they are personal.

    Args:
        member: whose it would be.
        account: the account.
        provider: where it is; "" for the programme's own site.
        accounts: whose that account is, and whose those are that read like it; none for no account.
    """
    links = [account.link(member) for account in accounts]
    if isinstance(account, Account):
        yield from _sealed_account_taken(member, [link for link in links if link is not None])
        return
    if not links or links[0] is not None:
        yield from _account_taken(member, _called(provider), *accounts[:1])
        return
    other = next((link for link in links if link is not None), None)
    if other is not None:
        words = (
            f"{_called(provider)} reads like the account of {other.fact.member}, which is there since "
            f"{day_of(other)}: they differ in case, width, spaces or characters that show nothing"
        )
        yield refuse("name_taken", words, other)


def _sealed_account_taken(member: str, links: Sequence[AccountLink]) -> Iterator[Refusal]:
    """Refuse an account that is somebody's, or reads like one that is, without saying its name."""
    for link in links[:1]:
        if link.fact.member == member:
            yield refuse("already_linked", f"that account, or one that reads like it, is {member}'s", link)
        else:
            words = f"that account, or one that reads like it, is the account of {link.fact.member}"
            yield refuse("account_taken", words, link)


def _account_taken(member: str, what: str, *accounts: AccountState) -> Iterator[Refusal]:
    link = accounts[0].link(member) if accounts else None
    if link is None:
        return
    holder = link.fact.member
    if holder == member:
        yield refuse("already_linked", f"{what} is {member}'s already", link)
    else:
        yield refuse("account_taken", f"{what} is the account of {holder}", link)


def _called(provider: str) -> str:
    """Return what an account is called in words: never by its name."""
    return f"that account at {provider}" if provider else "that account"


def _linked_parts(fact: f.AccountLinked | f.AccountUnlinked, _known: Known) -> Parts:
    return (MEMBER.part(fact.member), *account_parts(fact))


def _linking_parts(fact: f.AccountLinked, known: Known) -> Parts:
    # Whose an account is depends on who is one person with whoever had it.
    parts = _linked_parts(fact, known)
    had: set[str] = set()
    for part in parts[1:]:
        account = known.state(part)
        had |= frozenset() if account is None else account.identities
    return (*parts, *(MEMBER.part(identity) for identity in sorted(had - {fact.member})))


def _judge_linked(
    entry: Entry[f.AccountLinked], member: MemberState, *states: AccountState | MemberState
) -> Iterator[Refusal]:
    fact = entry.fact
    yield from must_be_member(member, fact.member, entry)
    accounts = [state for state in states if isinstance(state, AccountState)]
    yield from judge_account(fact.member, fact.account, fact.provider, *accounts)


def _judge_unlinked(
    entry: Entry[f.AccountUnlinked], member: MemberState, account: AccountState, *_: AccountState
) -> Iterator[Refusal]:
    fact = entry.fact
    yield from must_be_member(member, fact.member, entry)
    link = account.link(fact.member)
    if link is None or link.fact.member != fact.member:
        what = "that account" if isinstance(fact.account, Account) else _called(fact.provider)
        yield refuse("not_linked", f"{what} is not {fact.member}'s", link)


ACCOUNTS: Final = (
    Rule(name="account.linked", parts=_linking_parts, judge=_judge_linked, dynamic=True),
    Rule(name="account.unlinked", parts=_linked_parts, judge=_judge_unlinked),
)
"""The rules of accounts that are linked and unlinked."""

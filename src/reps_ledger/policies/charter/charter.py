"""Charters: a programme's dated rules, as one value."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from attrs import Attribute, field, frozen

from reps_ledger.domain.facts import Registry
from reps_ledger.domain.facts.roles import ENDINGS
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.charter.footprint import must_be_enforceable
from reps_ledger.policies.language.conditions import AllOf, AnyOf, Condition
from reps_ledger.policies.language.people import Completed
from reps_ledger.policies.language.reads import readers
from reps_ledger.policies.language.validators import (
    is_bool,
    is_name,
    is_name_or_none,
    is_names,
    is_prose,
    kept,
    of_type,
)
from reps_ledger.policies.language.widths import Width
from reps_ledger.policies.policy import Policy

_is_condition = of_type(Condition, "a condition")


def _by_name(value: Any) -> Any:
    """Put clauses in order of name: their order says nothing."""
    found = kept(value)
    return tuple(sorted(found, key=_name)) if isinstance(found, tuple) else found


def _name(clause: Any) -> str:
    match clause:
        case RoleClause(role=name) | Authority(fact=name) | (str(name), _):
            return name
    return ""


def _enforced(instance: object, attribute: Attribute[Any], value: Any) -> None:
    _is_condition(instance, attribute, value)
    if value is not None:
        must_be_enforceable(value)


def _is_count(_: object, attribute: Attribute[Any], value: Any) -> None:
    if value is not None and (type(value) is not int or not 1 <= value <= 10**6):
        raise InvalidPolicy(f"{attribute.name} is a whole number from 1, not {value!r:.40}")


def _is_list_of(kind: type, _: object, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple) or not all(isinstance(item, kind) for item in value):
        raise InvalidPolicy(f"{attribute.name} holds {kind.__name__} values")


@frozen(kw_only=True)
class RoleClause:
    """What a charter says of a role.

    Attributes:
        role: which.
        admission: who may be given it; None for any member.
        courses: courses that whoever is given it must have completed.
        unless: of whom neither admission nor courses are asked: grandfathering.
        closed: whether it is given to nobody any more. Who holds it keeps it.
        term: the longest that it may be given for; its end must then be said.
        seats: how many may hold it at once, in each community; None for any number.
        ends: in which ways it may end; None for any.
        review: the name of the policy by which its holders are reviewed.
    """

    role: str = field(validator=is_name)
    admission: Condition | None = field(default=None, validator=_enforced)
    courses: tuple[str, ...] = field(default=(), converter=kept, validator=is_names)
    unless: Condition | None = field(default=None, validator=_enforced)
    closed: bool = field(default=False, validator=is_bool)
    term: Width | None = field(default=None, validator=of_type(Width, "a width"))
    seats: int | None = field(default=None, validator=_is_count)
    ends: tuple[str, ...] | None = field(default=None, converter=kept)
    review: str | None = field(default=None, validator=is_name_or_none)

    @ends.validator
    def _are_endings(self, _: object, value: Any) -> None:
        if value is not None and (
            not isinstance(value, tuple) or not all(each in ENDINGS for each in value)
        ):
            raise InvalidPolicy(f"a role ends in one of these ways: {', '.join(ENDINGS)}")

    def __attrs_post_init__(self) -> None:
        asks = self.admission is not None or self.courses
        if self.closed and (asks or self.term or self.seats):
            raise InvalidPolicy("a closed role is given to nobody: say nothing of who may be")
        if self.unless is not None and not asks:
            raise InvalidPolicy("unless excepts from admission and courses; neither is asked")

    @property
    def asked(self) -> Condition | None:
        """What is asked of whom it is given to, courses included; None for nothing."""
        asked = [*(() if self.admission is None else (self.admission,))]
        asked += [Completed(course) for course in self.courses]
        if not asked:
            return None
        return asked[0] if len(asked) == 1 else AllOf(tuple(asked))

    @property
    def looked_at(self) -> Condition | None:
        """All that tells whether somebody may be given it; None for nothing."""
        asked = self.asked
        return asked if asked is None or self.unless is None else AnyOf((self.unless, asked))


@frozen
class Level:
    """A level of being vouched for.

    Attributes:
        name: what it is called.
        vouches: how many standing vouches it takes.
    """

    name: str = field(validator=is_name)
    vouches: int = field(validator=_is_count)


@frozen(kw_only=True)
class Vouching:
    """What a charter says of vouches.

    Attributes:
        may: who may vouch; None for any member.
        most: how many standing vouches one may have received; None for any number.
        levels: names of levels, the fewest vouches first.
    """

    may: Condition | None = field(default=None, validator=_enforced)
    most: int | None = field(default=None, validator=_is_count)
    levels: tuple[Level, ...] = field(
        default=(), converter=kept, validator=partial(_is_list_of, Level)
    )

    def __attrs_post_init__(self) -> None:
        numbers = [level.vouches for level in self.levels]
        if numbers != sorted(set(numbers)):
            raise InvalidPolicy("levels go from the fewest vouches to the most")

    def level(self, vouches: int) -> str | None:
        """Return the level that so many vouches make; None below the first."""
        reached = [level.name for level in self.levels if level.vouches <= vouches]
        return reached[-1] if reached else None


@frozen(kw_only=True)
class Authority:
    """Who may record facts of one kind. Once a kind is named, nobody else may.

    Attributes:
        fact: the stored name.
        actors: actors who may, by name.
        agents: actors who may on behalf of those who may: a portal, a bot.
        themselves: whether the member whom it is about may.
        when: members who may: of whom this holds when it happened.
    """

    fact: str = field(validator=is_name)
    actors: tuple[str, ...] = field(default=(), converter=kept, validator=is_names)
    agents: tuple[str, ...] = field(default=(), converter=kept, validator=is_names)
    themselves: bool = field(default=False, validator=is_bool)
    when: Condition | None = field(default=None, validator=_enforced)

    def __attrs_post_init__(self) -> None:
        if not (self.actors or self.themselves or self.when is not None):
            raise InvalidPolicy(f"nobody may record {self.fact}: name actors, a condition, or both")


@frozen(kw_only=True)
class Standing:
    """By which policy members stand as they do.

    Attributes:
        policy: its name, among the charter's policies.
        active: the outcomes that count as active.
    """

    policy: str = field(validator=is_name)
    active: tuple[str, ...] = field(default=("active",), converter=kept, validator=is_names)


@frozen(kw_only=True)
class Charter:
    """A programme's rules. Adopted by a fact, it governs facts from its effective date on.

    Attributes:
        name: of the programme.
        version: its version.
        source: where the rules come from.
        member: who counts as a member of the programme; None for whoever joined.
        communities: who counts as a member of a community, by the community's name.
        roles: what it says of roles.
        vouching: what it says of vouches; None for nothing.
        authorities: who may record what.
        policies: the policies that it names.
        standing: by which of them members stand; None for the default rule.
    """

    name: str = field(validator=is_name)
    version: str = field(validator=is_name)
    source: str = field(default="", validator=is_prose)
    member: Condition | None = field(default=None, validator=_is_condition)
    communities: tuple[tuple[str, Condition], ...] = field(default=(), converter=_by_name)
    roles: tuple[RoleClause, ...] = field(
        default=(), converter=_by_name, validator=partial(_is_list_of, RoleClause)
    )
    vouching: Vouching | None = field(default=None, validator=of_type(Vouching, "vouching"))
    authorities: tuple[Authority, ...] = field(
        default=(), converter=_by_name, validator=partial(_is_list_of, Authority)
    )
    policies: tuple[Policy, ...] = field(
        default=(), converter=kept, validator=partial(_is_list_of, Policy)
    )
    standing: Standing | None = field(default=None, validator=of_type(Standing, "standing"))

    @communities.validator
    def _are_definitions(self, _: object, value: Any) -> None:
        for pair in value:
            match pair:
                case (str(), Condition()):
                    continue
            raise InvalidPolicy("communities are pairs of a name and a condition")

    def __attrs_post_init__(self) -> None:
        _once("role", [clause.role for clause in self.roles])
        _once("authority for", [authority.fact for authority in self.authorities])
        _once("policy", [policy.name for policy in self.policies])
        _once("community", [name for name, _ in self.communities])
        for clause in self.roles:
            if clause.review is not None and self.policy(clause.review) is None:
                raise InvalidPolicy(
                    f"{clause.role} is reviewed by {clause.review}, which is no policy here"
                )
        if self.standing is not None:
            policy = self.policy(self.standing.policy)
            if policy is None:
                raise InvalidPolicy(
                    f"standing goes by {self.standing.policy}, which is no policy here"
                )
            if unknown := sorted(set(self.standing.active) - set(policy.outcomes)):
                raise InvalidPolicy(f"{policy.name} never comes to {', '.join(unknown)}")

    def role(self, role: str) -> RoleClause | None:
        """Return what it says of a role, or None."""
        return next((clause for clause in self.roles if clause.role == role), None)

    def policy(self, name: str) -> Policy | None:
        """Return its policy of that name, or None."""
        return next((policy for policy in self.policies if policy.name == name), None)

    def authority(self, fact: str) -> Authority | None:
        """Return who may record facts of a stored name; None where anybody may."""
        return next((each for each in self.authorities if each.fact == fact), None)

    def definition(self, community: str | None = None) -> Condition | None:
        """Return who counts as a member, of a community or of the programme; None for joined."""
        if community is None:
            return self.member
        return dict(self.communities).get(community)

    @property
    def standing_policy(self) -> Policy | None:
        """The policy by which members stand as they do; None for the default rule."""
        return None if self.standing is None else self.policy(self.standing.policy)

    def check(self, registry: Registry) -> None:
        """Refuse facts and fields that a ledger does not know.

        Raises:
            InvalidPolicy: it names one.
        """
        for authority in self.authorities:
            if registry.named(authority.fact) is None:
                raise InvalidPolicy(f"authorities: this ledger knows no fact {authority.fact}")
        for part in self._conditions():
            for reader in readers(part):
                reader.check_known(registry)

    def _conditions(self) -> Iterator[Any]:
        yield self.member
        yield from (condition for _, condition in self.communities)
        yield from self.roles
        yield self.vouching
        yield from self.authorities
        yield from self.policies


def _once(what: str, names: list[str]) -> None:
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InvalidPolicy(f"the {what} {', '.join(twice)} is there twice")

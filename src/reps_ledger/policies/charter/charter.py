"""Charters as values: what a programme's rules say of roles, vouching, authority and membership."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import field, frozen

from reps_ledger.domain.facts import Registry
from reps_ledger.domain.facts.roles import ENDINGS
from reps_ledger.domain.shown import shown
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.charter.footprint import must_be_enforceable
from reps_ledger.policies.language.conditions import AllOf, AnyOf, Condition
from reps_ledger.policies.language.people import Completed
from reps_ledger.policies.language.reads import readers
from reps_ledger.policies.language.validators import (
    Field,
    as_tuple,
    is_bool,
    is_list_of,
    is_name,
    is_name_or_none,
    is_names,
    is_prose,
    of_type,
)
from reps_ledger.policies.language.widths import Width
from reps_ledger.policies.policy import Policy

_is_condition = of_type(Condition, "a condition")


def _by_name(value: object) -> object:
    """Sort clauses by their names: the order in which they were given says nothing."""
    clauses = as_tuple(value)
    return tuple(sorted(clauses, key=_name)) if isinstance(clauses, tuple) else clauses


def _name(clause: object) -> str:
    match clause:
        case RoleClause(role=name) | Authority(fact=name) | Retention(fact=name) | (str(name), _):
            return name
    return ""


def _enforced(instance: object, attribute: Field, value: object) -> None:
    _is_condition(instance, attribute, value)
    if isinstance(value, Condition):
        must_be_enforceable(value)


def _is_count(_: object, attribute: Field, value: object) -> None:
    if value is not None and (type(value) is not int or not 1 <= value <= 10**6):
        raise InvalidPolicy(f"{attribute.name} is a whole number from 1, not {shown(value, 40)}")


@frozen(kw_only=True)
class RoleClause:
    """What a charter says of a role.

    Attributes:
        role: which role.
        admission: who may be given it; None for any member.
        courses: courses that whoever is given it must have completed.
        unless: who needs neither admission nor courses: grandfathering; None for nobody.
        closed: whether it may no longer be given to anybody. Whoever holds it keeps it.
        term: for how long it may be given at most: an assignment must then say its end.
        seats: how many may hold it at once, in each community; None for any number.
        ends: the ways in which it may end; None for any.
        review: the name of the policy by which its holders are reviewed.
    """

    role: str = field(validator=is_name)
    admission: Condition | None = field(default=None, validator=_enforced)
    courses: tuple[str, ...] = field(default=(), converter=as_tuple, validator=is_names)
    unless: Condition | None = field(default=None, validator=_enforced)
    closed: bool = field(default=False, validator=is_bool)
    term: Width | None = field(default=None, validator=of_type(Width, "a width"))
    seats: int | None = field(default=None, validator=_is_count)
    ends: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    review: str | None = field(default=None, validator=is_name_or_none)

    @ends.validator
    def _are_endings(self, _: object, value: object) -> None:
        if value is not None and (not isinstance(value, tuple) or not all(each in ENDINGS for each in value)):
            raise InvalidPolicy(f"a role ends in one of these ways: {', '.join(ENDINGS)}")

    def __attrs_post_init__(self) -> None:
        asks = self.admission is not None or self.courses
        if self.closed and (asks or self.term or self.seats):
            raise InvalidPolicy("a closed role is given to nobody: say nothing of who may be")
        if self.unless is not None and not asks:
            raise InvalidPolicy("unless excepts from admission and courses; neither is asked")

    @property
    def asked(self) -> Condition | None:
        """What whoever is given it must fulfil, courses included; None for nothing."""
        asked = [*(() if self.admission is None else (self.admission,))]
        asked += [Completed(course) for course in self.courses]
        if not asked:
            return None
        return asked[0] if len(asked) == 1 else AllOf(tuple(asked))

    @property
    def looked_at(self) -> Condition | None:
        """The condition for being given it, exceptions included; None for none."""
        asked = self.asked
        return asked if asked is None or self.unless is None else AnyOf((self.unless, asked))


@frozen
class Level:
    """A level that members reach by standing vouches.

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
        most: how many standing vouches somebody may have received; None for any number.
        levels: the levels, that of the fewest vouches first.
    """

    may: Condition | None = field(default=None, validator=_enforced)
    most: int | None = field(default=None, validator=_is_count)
    levels: tuple[Level, ...] = field(default=(), converter=as_tuple, validator=is_list_of(Level))

    def __attrs_post_init__(self) -> None:
        numbers = [level.vouches for level in self.levels]
        if numbers != sorted(set(numbers)):
            raise InvalidPolicy("levels go from the fewest vouches to the most")

    def level(self, vouches: int) -> str | None:
        """Return the highest level for a number of vouches; None below the first."""
        reached = [level.name for level in self.levels if level.vouches <= vouches]
        return reached[-1] if reached else None


@frozen(kw_only=True)
class Authority:
    """Who may record facts of one kind. Kinds without an authority may be recorded by anybody.

    Attributes:
        fact: the kind's stored name.
        actors: actors who may, by name.
        agents: actors who may on behalf of those who may: a portal, a bot.
        themselves: whether the member whom the fact is about may.
        when: the members who may: those of whom this holds when the fact happens.
    """

    fact: str = field(validator=is_name)
    actors: tuple[str, ...] = field(default=(), converter=as_tuple, validator=is_names)
    agents: tuple[str, ...] = field(default=(), converter=as_tuple, validator=is_names)
    themselves: bool = field(default=False, validator=is_bool)
    when: Condition | None = field(default=None, validator=_enforced)

    def __attrs_post_init__(self) -> None:
        if not (self.actors or self.themselves or self.when is not None):
            raise InvalidPolicy(f"nobody may record {self.fact}: name actors, a condition, or both")


@frozen(kw_only=True)
class Retention:
    """For how long the personal texts of facts of one kind are kept, where the ledger seals.

    Texts share a key with those of the same person, kind and calendar year, and are erased together: when
    the year is over in which they happened, and then this long has passed.

    Attributes:
        fact: the kind's stored name. One that names accounts has none: they tell people apart.
        keep: for how long after the end of the year.
    """

    fact: str = field(validator=is_name)
    keep: Width = field(validator=of_type(Width, "a width"))


@frozen(kw_only=True)
class Standing:
    """The policy that says who is active.

    Attributes:
        policy: its name, among the charter's policies.
        active: the outcomes that count as active.
    """

    policy: str = field(validator=is_name)
    active: tuple[str, ...] = field(default=("active",), converter=as_tuple, validator=is_names)


@frozen(kw_only=True)
class Charter:
    """A programme's rules. Adopted by a fact, it governs facts from its effective date on.

    Attributes:
        name: the programme's name.
        version: the charter's version.
        source: where the rules come from.
        member: who counts as a member of the programme; None for whoever joined.
        communities: who counts as a member of a community: pairs of its name and a condition.
        roles: a clause for each role that has rules of its own.
        vouching: the rules of vouching; None for none.
        authorities: who may record what.
        retention: for how long personal texts are kept; kinds without a clause are kept for good.
        policies: the policies that it names.
        standing: the one among them that says who is active; None for the default rule.
    """

    name: str = field(validator=is_name)
    version: str = field(validator=is_name)
    source: str = field(default="", validator=is_prose)
    member: Condition | None = field(default=None, validator=_is_condition)
    communities: tuple[tuple[str, Condition], ...] = field(default=(), converter=_by_name)
    roles: tuple[RoleClause, ...] = field(default=(), converter=_by_name, validator=is_list_of(RoleClause))
    vouching: Vouching | None = field(default=None, validator=of_type(Vouching, "vouching"))
    authorities: tuple[Authority, ...] = field(
        default=(), converter=_by_name, validator=is_list_of(Authority)
    )
    retention: tuple[Retention, ...] = field(default=(), converter=_by_name, validator=is_list_of(Retention))
    policies: tuple[Policy, ...] = field(default=(), converter=as_tuple, validator=is_list_of(Policy))
    standing: Standing | None = field(default=None, validator=of_type(Standing, "standing"))

    @communities.validator
    def _are_definitions(self, _: object, value: object) -> None:
        for pair in value if isinstance(value, tuple) else (value,):
            match pair:
                case (str(), Condition()):
                    continue
            raise InvalidPolicy("communities are pairs of a name and a condition")

    def __attrs_post_init__(self) -> None:
        _once("role", [clause.role for clause in self.roles])
        _once("authority for", [authority.fact for authority in self.authorities])
        _once("retention of", [clause.fact for clause in self.retention])
        _once("policy", [policy.name for policy in self.policies])
        _once("community", [name for name, _ in self.communities])
        for clause in self.roles:
            if clause.review is not None and self.policy(clause.review) is None:
                raise InvalidPolicy(f"{clause.role} is reviewed by {clause.review}, which is no policy here")
        if self.standing is not None:
            policy = self.policy(self.standing.policy)
            if policy is None:
                raise InvalidPolicy(f"standing goes by {self.standing.policy}, which is no policy here")
            if unknown := sorted(set(self.standing.active) - set(policy.outcomes)):
                raise InvalidPolicy(f"{policy.name} never comes to {', '.join(unknown)}")

    def role(self, role: str) -> RoleClause | None:
        """Return the clause of a role, or None."""
        return next((clause for clause in self.roles if clause.role == role), None)

    def policy(self, name: str) -> Policy | None:
        """Return its policy of that name, or None."""
        return next((policy for policy in self.policies if policy.name == name), None)

    def authority(self, fact: str) -> Authority | None:
        """Return the authority for facts of a stored name; None where anybody may record them."""
        return next((each for each in self.authorities if each.fact == fact), None)

    def definition(self, community: str | None = None) -> Condition | None:
        """Return who counts as a member, of a community or of the programme.

        None for whoever joined the programme, or is in the community.
        """
        if community is None:
            return self.member
        return dict(self.communities).get(community)

    @property
    def standing_policy(self) -> Policy | None:
        """The policy that says who is active; None for the default rule."""
        return None if self.standing is None else self.policy(self.standing.policy)

    def check(self, registry: Registry) -> None:
        """Refuse facts and fields that a ledger does not know.

        Raises:
            InvalidPolicy: it names one.
        """
        for authority in self.authorities:
            if registry.named(authority.fact) is None:
                raise InvalidPolicy(f"authorities: this ledger knows no fact {authority.fact}")
        for clause in self.retention:
            described = registry.named(clause.fact)
            if described is None:
                raise InvalidPolicy(f"retention: this ledger knows no fact {clause.fact}")
            if described.keyed or not described.personal:
                what = (
                    "names accounts, which tell people apart" if described.keyed else "has no personal text"
                )
                raise InvalidPolicy(f"retention: {clause.fact} {what}")
        for part in self._conditions():
            for reader in readers(part):
                reader.check_known(registry)

    def _conditions(self) -> Iterator[object]:
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

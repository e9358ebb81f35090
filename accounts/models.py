"""Who works here: users, teams, and what each may do in which team."""

import hashlib
import secrets
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Lower
from django.db.models.lookups import IsNull
from django.utils.text import slugify

INVITATION_LIFE = timedelta(days=7)
SETUP_LINK_LIFE = timedelta(hours=1)


def digest(token: str) -> str:
    """What is kept of a link's token: who reads the database cannot open the link."""
    return hashlib.sha256(token.encode()).hexdigest()


class UserManager(BaseUserManager["User"]):
    """Makes users by their e-mail address; there are no user names."""

    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    @transaction.atomic
    def create_verified(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A user whose address needs no confirming: somebody we trust vouches for it."""
        from allauth.account.models import EmailAddress

        user = self.create_user(email, password, **fields)
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """A person, known by an e-mail address."""

    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True)
    name = models.CharField(max_length=100, blank=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_ignores_case")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return str(self)

    def get_short_name(self) -> str:
        return str(self)

    def owns_address(self, email: str) -> bool:
        """Whether this user has shown that they read the mail of this address."""
        # The library's related manager is unknown to the types.
        addresses = self.emailaddress_set  # type: ignore[attr-defined]
        return bool(addresses.filter(email__iexact=email, verified=True).exists())

    @property
    def verified_address(self) -> str:
        """Where this user reads mail, as they have shown; the primary address first. Empty: nowhere yet."""
        addresses = self.emailaddress_set.filter(verified=True)  # type: ignore[attr-defined]
        return str(addresses.order_by("-primary", "pk").values_list("email", flat=True).first() or "")


class Role(models.TextChoices):
    """What a member may do; each role may do all that the ones before it may."""

    VIEWER = "viewer", "Viewer"
    EDITOR = "editor", "Editor"
    ADMIN = "admin", "Admin"
    OWNER = "owner", "Owner"

    def includes(self, other: "Role") -> bool:
        """Whether this role may do what `other` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


# Words that an address of ours may want to say under /t/ one day.
RESERVED_SLUGS = frozenset({"admin", "all", "api", "me", "new", "settings", "team", "teams"})


class TeamManager(models.Manager["Team"]):
    """Makes teams, each with an address of its own."""

    def found(self, name: str) -> "Team":
        """A new team under the first free slug that resembles its name.

        The unique constraint decides which slug is free, so that two teams founded at the same moment
        under one name both come to be.
        """
        for slug in _slugs(name):
            if slug in RESERVED_SLUGS or self.filter(slug=slug).exists():
                continue
            try:
                with transaction.atomic():
                    return self.create(name=name, slug=slug)
            except IntegrityError:
                continue
        raise AssertionError("there is always another slug")


def _slugs(name: str) -> Iterator[str]:
    """`acme`, `acme-2` … `acme-9`, then with random ends."""
    stem = slugify(name)[:50].strip("-_") or "team"
    yield stem
    yield from (f"{stem}-{number}" for number in range(2, 10))
    while True:
        yield f"{stem}-{secrets.token_hex(4)}"


class Team(models.Model):
    """The tenant: everything else belongs to one team and is a 404 for the others."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=60, unique=True)
    members = models.ManyToManyField(User, through="Membership", related_name="teams")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[TeamManager] = TeamManager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The team's dashboard."""
        # Written out: the page belongs to an app that this one does not know.
        return f"/t/{self.slug}/"


class Membership(models.Model):
    """A user's place in a team."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    # Whether mails about connections that they may manage are wanted.
    hears_of_connections = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="one_membership_per_team_and_user")
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"

    def is_at_least(self, role: Role) -> bool:
        """Whether this member may do what `role` may."""
        return Role(self.role).includes(role)

    def roles_to_give(self) -> list[Role]:
        """The roles that this member may give to others: none below admin, and never above the own one."""
        return [role for role in Role if self.is_at_least(role)] if self.is_at_least(Role.ADMIN) else []

    def may_manage(self, other: "Membership") -> bool:
        """Whether this member may give `other` another role or remove them."""
        return self.is_at_least(Role.ADMIN) and self.is_at_least(Role(other.role))


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Chooses invitations."""

    def open(self) -> "InvitationQuerySet":
        """Neither accepted nor withdrawn; some may have expired."""
        return self.filter(accepted_at=None, withdrawn_at=None)

    def pending(self, now: datetime) -> "InvitationQuerySet":
        """Those whose link can still be used."""
        return self.open().filter(expires_at__gt=now)


class Invitation(models.Model):
    """A link sent to an e-mail address that makes its reader a member, once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role.choices)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager["Invitation"]] = models.Manager.from_queryset(InvitationQuerySet)()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "team",
                Lower("email"),
                condition=models.Q(accepted_at=None, withdrawn_at=None),
                name="one_open_invitation_per_team_and_email",
            )
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.team}"

    def state(self, now: datetime) -> str:
        """`accepted`, `withdrawn`, `expired` or `pending`."""
        if self.accepted_at:
            return "accepted"
        if self.withdrawn_at:
            return "withdrawn"
        return "pending" if self.expires_at > now else "expired"

    @property
    def masked_email(self) -> str:
        """The address for somebody who need not know it: `a•••@example.org`."""
        name, _, domain = self.email.rpartition("@")
        return f"{name[:1]}•••@{domain}"

    def withdraw(self, now: datetime) -> bool:
        """End the link; False when it had been accepted or withdrawn before."""
        return Invitation.objects.open().filter(pk=self.pk).update(withdrawn_at=now) == 1


class SetupLink(models.Model):
    """The one-time link printed at the first start; the first account can be made only with it."""

    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # One used link among all there ever were: setup happens once.
            models.UniqueConstraint(
                IsNull(models.F("used_at"), False),
                condition=models.Q(used_at__isnull=False),
                name="setup_happens_once",
            )
        ]

    def __str__(self) -> str:
        return f"until {self.expires_at}"

    @classmethod
    def is_setup_open(cls) -> bool:
        """Whether the first account is still to be made."""
        return not User.objects.exists() and not cls.objects.filter(used_at__isnull=False).exists()

    @classmethod
    @transaction.atomic
    def issue(cls, now: datetime) -> str:
        """Make a link that lasts an hour, and answer its token; earlier unused ones end."""
        token = secrets.token_urlsafe(32)
        cls.objects.filter(used_at=None).delete()
        cls.objects.create(token_hash=digest(token), expires_at=now + SETUP_LINK_LIFE)
        return token

    @classmethod
    def claim(cls, token: str, now: datetime) -> bool:
        """Use up the link; of several who try, one gets True. Belongs into the transaction of the account."""
        usable = cls.objects.filter(token_hash=digest(token), used_at=None, expires_at__gt=now)
        try:
            with transaction.atomic():
                return usable.update(used_at=now) == 1
        except IntegrityError:  # another link was used before
            return False

    @classmethod
    def state_of(cls, token: str, now: datetime) -> str:
        """`usable`, `used` (setup is over), `expired` or `unknown`."""
        if not cls.is_setup_open():
            return "used"
        link = cls.objects.filter(token_hash=digest(token)).first()
        if link is None:
            return "unknown"
        return "usable" if link.expires_at > now else "expired"


class Verb(models.TextChoices):
    """What somebody did, as the audit log says it: "Ann edited CRM"."""

    CREATED = "created", "created"
    EDITED = "edited", "edited"
    DELETED = "deleted", "deleted"
    REPLACED_SECRET = "replaced_secret", "replaced the secret of"
    BEGAN_TO_CONNECT = "began_to_connect", "began to connect"
    CONNECTED = "connected", "connected"
    FAILED_TO_CONNECT = "failed_to_connect", "could not connect"
    DISCONNECTED = "disconnected", "disconnected"
    IMPORTED_TOKENS = "imported_tokens", "imported tokens into"
    TESTED = "tested", "tested"
    STOPPED_RENEWING = "stopped_renewing", "stopped renewing"
    RENEWED_AGAIN = "renewed_again", "renewed again"
    REVOKED = "revoked", "ended tokens at the provider of"
    FAILED_TO_REVOKE = "failed_to_revoke", "could not end tokens at the provider of"
    ALLOWED_HOST = "allowed_host", "allowed a host for"
    SAVED_PRESET = "saved_preset", "saved a preset from"


class AuditEntry(models.Model):
    """What somebody, or the product by itself, did in a team. Outlives what it was done to.

    Holds names and identifiers, never a secret. `accounts.audit` writes it.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="audit_entries")
    at = models.DateTimeField()
    # None: the product by itself, or somebody whose account is gone; then the name tells.
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    user_name = models.CharField(max_length=254, blank=True)
    verb = models.CharField(max_length=20, choices=Verb.choices)
    # The kind of thing in one word, its identifier, and what it was called.
    object_kind = models.CharField(max_length=30)
    object_id = models.CharField(max_length=40)
    object_name = models.CharField(max_length=200)
    # Words by their labels: {"Fields": "Scopes, Token URL"}.
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["team", "-id"]),
            models.Index(fields=["object_id"]),
        ]

    def __str__(self) -> str:
        return f"{self.user_name or 'The product'} {self.get_verb_display()} {self.object_name}"

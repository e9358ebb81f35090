"""What people type about themselves, their teams and each other."""

from typing import Any

from allauth.account import forms as library
from allauth.core import context
from django import forms
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from accounts import invitations
from accounts.access import remembered_invitation
from accounts.models import Membership, Role, User


class NameField(forms.CharField):
    """A name on one line. It goes into the subjects of mails, so nothing unprintable gets in."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=100, **options)

    def to_python(self, value: Any) -> str:
        return " ".join(str(super().to_python(value)).split())

    def validate(self, value: str) -> None:
        super().validate(value)
        if not value.isprintable():
            raise ValidationError("A name is made of letters, digits, spaces and signs that can be seen.")


def password_field() -> forms.CharField:
    """For a new password. Spaces belong to it."""
    return forms.CharField(
        label="Password",
        strip=False,
        max_length=1000,
        help_text="At least 10 characters.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class SetupForm(forms.Form):
    """The first account and the first team."""

    name = NameField(label="Your name", widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(
        label="E-mail address",
        help_text="You sign in with it.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    password = password_field()
    team_name = NameField(
        label="Team name",
        help_text="Connections, requests and tables belong to a team. You can rename it and add more later.",
    )

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if "password" in values:
            person = User(email=values.get("email", ""), name=values.get("name", ""))
            try:
                validate_password(values["password"], person)
            except ValidationError as error:
                self.add_error("password", error)
        return values


class SignupForm(library.SignupForm):  # type: ignore[misc]
    """The library's form, with a name; who comes by an invitation signs up with the invited address."""

    field_order = ["name", "email", "password1"]
    account_already_exists: bool  # the library's, when it looks up the address

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["name"] = NameField(
            label="Your name", widget=forms.TextInput(attrs={"autocomplete": "name"})
        )
        self.fields["email"].label = "E-mail address"
        self.fields["password1"].help_text = password_field().help_text
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)
        self.order_fields(self.field_order)
        self.invitation = remembered_invitation(context.request)
        if self.invitation:
            self.fields["email"].initial = self.invitation.email
            self.fields["email"].disabled = True
            self.fields["email"].help_text = "The address that the invitation was sent to."

    def signup(self, request: HttpRequest, user: User) -> None:
        user.name = self.cleaned_data["name"]
        user.save(update_fields=["name"])

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """Make the account, and at once the membership that an invitation offers.

        For an address that has an account, the library answers as for any other and writes to the owner.
        """
        if self.account_already_exists:
            # Takes as long as for an address without an account.
            make_password(self.cleaned_data["password1"])
            return self._answer(request)
        try:
            with transaction.atomic():
                user, response = self._answer(request)
                if self.invitation and user:
                    invitations.accept(self.invitation, user, now=timezone.now())
        except IntegrityError:  # somebody has signed up with the address since it was looked up
            self.account_already_exists = True
            return self._answer(request)
        except invitations.Ended:
            return None, redirect("account_signup")
        return user, response

    def _answer(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        user, response = super().try_save(request)
        return user, response


class TeamForm(forms.Form):
    """A team's name."""

    name = NameField(label="Team name")


def _choices(roles: list[Role]) -> list[tuple[str, str]]:
    return [(role.value, f"{role.label}: {ROLE_MEANINGS[role]}") for role in roles]


ROLE_MEANINGS = {
    Role.VIEWER: "sees everything, changes nothing",
    Role.EDITOR: "also builds, runs and schedules",
    Role.ADMIN: "also manages connections and members",
    Role.OWNER: "also transfers ownership",
}


class RoleForm(forms.Form):
    """A role, among those that the member `by` may give."""

    role = forms.TypedChoiceField(label="Role", coerce=Role)

    def __init__(self, *args: Any, by: Membership, **options: Any) -> None:
        super().__init__(*args, **options)
        self.by = by
        self.fields["role"].choices = _choices(by.roles_to_give())  # type: ignore[attr-defined]


class InvitationForm(RoleForm):
    """Whom to invite, as what."""

    email = forms.EmailField(
        label="E-mail address",
        help_text="The invitation goes to this address, and only its owner can accept it.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    role = forms.TypedChoiceField(
        label="Role", coerce=Role, widget=forms.RadioSelect, initial=Role.EDITOR.value
    )
    field_order = ["email", "role"]

    def clean_email(self) -> str:
        email = self.cleaned_data["email"].lower()
        if self.by.team.memberships.filter(user__email=email).exists():
            raise ValidationError(f"{email} is a member of {self.by.team} already.")
        return str(email)


class TransferForm(forms.Form):
    """The member who becomes the owner."""

    member = forms.ModelChoiceField(Membership.objects.none(), label="New owner", empty_label=None)

    def __init__(self, *args: Any, by: Membership, **options: Any) -> None:
        super().__init__(*args, **options)
        others = by.team.memberships.exclude(pk=by.pk).filter(user__is_active=True)
        field = self.fields["member"]
        field.queryset = others.select_related("user").order_by("user__name")  # type: ignore[attr-defined]
        field.label_from_instance = lambda member: (  # type: ignore[attr-defined]
            f"{member.user} ({member.get_role_display()})"
        )

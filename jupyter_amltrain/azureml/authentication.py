"""The SDK's authentication classes: accepted wherever it takes one, and never needed, as there is no account."""

from __future__ import annotations

from ..absent import Recreated
from ..errors import AuthenticationException


class AbstractAuthentication(Recreated):
    """Takes any arguments and keeps none of them, secrets least of all."""

    _absent = dict.fromkeys(("get_token", "signed_session"), "there is no service to log in to")

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def get_authentication_header(self) -> dict[str, str]:
        """Nothing to log in to.

        Raises:
            AuthenticationException: always.
        """
        raise AuthenticationException(
            "There is no service to log in to: jupyter_amltrain runs everything on this machine, without an account."
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(not used: no account is needed)"


class InteractiveLoginAuthentication(AbstractAuthentication):
    """Accepted and not used; nobody is asked to log in."""


class AzureCliAuthentication(AbstractAuthentication):
    """Accepted and not used."""


class ServicePrincipalAuthentication(AbstractAuthentication):
    """Accepted and not used; the password is not kept."""


class MsiAuthentication(AbstractAuthentication):
    """Accepted and not used."""


class TokenAuthentication(AbstractAuthentication):
    """Accepted and not used."""


class ArmTokenAuthentication(AbstractAuthentication):
    """Accepted and not used; the token is not kept."""


class AzureMLTokenAuthentication(AbstractAuthentication):
    """Accepted and not used; the token is not kept."""

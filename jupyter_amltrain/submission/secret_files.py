"""Which files of a snapshot look like secrets: by name, and by a private key inside."""

from __future__ import annotations

import re

LARGEST_KEY_FILE_BYTES = 32 * 1024
"""Larger files are not looked into."""

_NAMES = re.compile(
    r"""
    \.env | \.env\.(?!example$|sample$|template$|dist$).+ | .+\.env
    | \.netrc | _netrc | \.pgpass | \.pypirc | \.npmrc | \.git-credentials | \.htpasswd | \.dockercfg
    | id_(rsa|dsa|ecdsa|ed25519)(_sk)? | .+\.(p12|pfx|jks|keystore|kdbx|ppk)
    | kubeconfig | .+\.kubeconfig | kaggle\.json
    | accesstokens\.json | azureprofile\.json | msal_token_cache\.(json|bin)
    | client_secret.*\.json | .*service[-_]?account.*\.json | .+\.tfstate
    | ([^/]*[-_.])?(api[-_]?keys? | tokens? | secrets? | passwords? | passwd | credentials?)
      (\.(json|ya?ml|toml|ini|cfg|conf|txt|env))?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PATHS = re.compile(
    r"(.*/)?(\.aws/(credentials|config)|\.kube/config|\.docker/config\.json|\.azure/[^/]+|\.huggingface/token)",
    re.IGNORECASE,
)
_NOT_SECRET = re.compile(r"(.*special_|.*added_)tokens?(_map)?\.(json|txt)|tokens\.(txt|json)", re.IGNORECASE)
"""Files that tokenizers leave in every language model's folder."""

# The letters after the first line keep programs that merely mention such a line, like this one, from being named.
_PRIVATE_KEY = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\\n|\r?\n)\s*(?:[A-Za-z0-9+/]{16}|Proc-Type:|Version:)"
)


def named_like_secret(path: str) -> bool:
    """Whether the path of a file is one under which secrets are kept."""
    name = path.rpartition("/")[2]
    if _NOT_SECRET.fullmatch(name):
        return False
    return bool(_NAMES.fullmatch(name) or _PATHS.fullmatch(path))


def holds_private_key(content: bytes) -> bool:
    """Whether there is a private key in a file's content."""
    return (
        len(content) <= LARGEST_KEY_FILE_BYTES
        and b"PRIVATE KEY" in content
        and _PRIVATE_KEY.search(content) is not None
    )

"""Which files and folders are credentials by their name alone, wherever they lie."""

from __future__ import annotations

from fnmatch import fnmatchcase

_FILES = (
    ".env",
    ".env.*",
    "*.env",
    ".envrc",
    ".netrc",
    "_netrc",
    ".pypirc",
    ".npmrc",
    ".pgpass",
    ".my.cnf",
    ".git-credentials",
    ".htpasswd",
    "credentials.json",
    "client_secret*.json",
    "service[-_]account*.json",
    "secrets.json",
    "secrets.toml",
    "secrets.y*ml",
    "*.tfvars",
    "*.tfstate",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "*.ppk",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
)
_EXAMPLES = (".example", ".sample", ".template", ".dist")
CREDENTIAL_FOLDERS = frozenset({".ssh", ".aws", ".gnupg", ".kube", ".docker", ".azure", ".gcloud"})


def is_credential(name: str) -> bool:
    """Say whether a file of this name is a credential by its name alone."""
    return any(fnmatchcase(name, pattern) for pattern in _FILES) and not name.endswith(_EXAMPLES)

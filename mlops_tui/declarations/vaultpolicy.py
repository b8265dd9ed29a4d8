"""What a project wants of its vault: what `vault:` in mlops.yaml may say."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mlops_tui.declarations.declare import Mistake


@dataclass(frozen=True)
class VaultPolicy:
    """`models: encrypted`: what is trained from now on is kept sealed. `signatures: made` signs it as well, `required`
    lets no model be loaded that no trusted key signed; `signers` are files with their public keys (PEM), such as
    keys/release.pub.pem; none: the project's own key.

    The master key is a file in .mlops/keys/vault, unless `key_env` names an environment variable that holds 32 bytes
    (hex or base64), or `passphrase_env` one that holds a passphrase.
    """

    models: Literal["plain", "encrypted"] = "plain"
    key_env: str = ""
    passphrase_env: str = ""
    signatures: Literal["none", "made", "required"] = "none"
    signers: tuple[str, ...] = ()

    def mistakes(self) -> Iterator[Mistake]:
        """A secret where only its name belongs; two places for one key."""
        for key, name in (("key_env", self.key_env), ("passphrase_env", self.passphrase_env)):
            if name and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", name):
                yield Mistake(f"{key} is the name of an environment variable, not what it holds.", (key,),
                              "Write FLIGHTS_VAULT_KEY.")
        if self.key_env and self.passphrase_env:
            yield Mistake("The master key comes from a key or from a passphrase, not from both.", ("passphrase_env",))

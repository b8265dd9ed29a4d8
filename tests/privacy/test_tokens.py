import pytest

from mlops_tui.errors import BadInput
from mlops_tui.privacy.tokens import Token, opened, signed

KEY, TOKEN = b"k" * 32, Token("0123abcd", "erasure", "gdpr", 1_700_000_000)


def test_a_token_says_what_was_signed_until_its_second() -> None:
    text = signed(TOKEN, KEY)
    assert opened(text, KEY, 1_700_000_000) == TOKEN
    with pytest.raises(BadInput, match="too old"):
        opened(text, KEY, 1_700_000_001)


def test_no_character_of_a_token_can_be_changed() -> None:
    text = signed(TOKEN, KEY)
    for at in range(len(text)):
        for other in "Ax.-":
            changed = text[:at] + other + text[at + 1:]
            if changed != text:
                with pytest.raises(BadInput, match="none of ours"):
                    opened(changed, KEY, 0)


@pytest.mark.parametrize("text", ["", ".", "a.b", "é.é", "e30.e30", signed(TOKEN, b"other key")])
def test_what_is_no_token_of_ours_is_refused_in_the_same_words(text: str) -> None:
    with pytest.raises(BadInput, match="none of ours"):
        opened(text, KEY, 0)

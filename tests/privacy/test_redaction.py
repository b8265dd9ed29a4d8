"""What looks like a person in a text is taken out; what is a measurement stays."""

import pytest

from mlops_tui.privacy.redaction import LONGEST, keyed, luhn, masked, redacted

KEY = b"k" * 32


@pytest.mark.parametrize(("text", "wanted"), [
    ("write to ana.o'neil+x@mail.example.org now", "write to ana.o'[e-mail] now"),
    ("card 4539 5787 6362 1486, thanks", "card [card], thanks"), ("4539578763621486", "[card]"),
    ("call +1 (212) 555-0147 or 2125550147", "call [phone] or [phone]"), ("(212) 555-0147", "[phone]"),
    ("12 seats in row 1234, gate 56789", "12 seats in row 1234, gate 56789"), ("2013-09-14 10:00", "2013-09-14 10:00"),
    ("-73.9876543", "-73.9876543"), ("UA-15", "UA-15"), ("1" * 40, "1" * 40), ("", "")])
def test_addresses_and_numbers_of_people_are_masked_and_others_are_not(text: str, wanted: str) -> None:
    assert masked(text) == wanted


def test_one_digit_that_is_wrong_or_two_that_changed_places_are_no_card() -> None:
    good = "4539578763621486"
    assert luhn(good)
    for place in range(16):
        assert not luhn(good[:place] + str((int(good[place]) + 1) % 10) + good[place + 1:])
    assert not luhn("5439578763621486")


def test_personal_fields_are_hashed_by_the_key_and_secret_ones_are_gone() -> None:
    classes = {"who": "Personal", "salary": "confidential"}
    row = {"who": "Ana", "salary": 100, "n": 7, "note": "ana@mail.example.org", "none": None}
    kept = redacted(row, classes, KEY)
    assert kept == {"who": keyed("Ana", KEY), "n": 7, "note": "[e-mail]"}
    assert redacted(kept, classes, KEY) == kept, "what is hashed already stays"
    assert keyed("Ana", KEY) != keyed("Ana", b"x" * 32)
    assert keyed("Ana", KEY) != keyed("Anb", KEY)


def test_of_a_hostile_text_so_much_is_kept_as_can_be_looked_through() -> None:
    for text in ("1 " * 100_000, "a@" * 100_000, "a." * 100_000 + "@", "(" * 100_000, "+1-" * 100_000):
        assert len(masked(text)) <= LONGEST

"""Our own key pairs: each made for itself, strong enough, and certified by itself."""

from saml import certificates, keys
from saml.keys import new_private  # by name: what `tests.made_once` hands out are keys that this made


def test_no_two_keys_are_the_same_and_each_is_strong():
    made = [new_private() for _ in range(3)]
    numbers = [key.private_numbers() for key in made]
    assert len({each.public_numbers.n for each in numbers}) == 3
    assert not {each.p for each in numbers[:1]} & {
        prime for each in numbers[1:] for prime in (each.p, each.q)
    }
    assert {(key.key_size, each.public_numbers.e) for key, each in zip(made, numbers, strict=True)} == {
        (2048, 65537)
    }


def test_a_certificate_is_of_its_key_and_each_is_another():
    (first, certificate), (_, other) = keys.generate("Rollcall one"), keys.generate("Rollcall two")
    loaded = keys.load(first, certificate)
    assert (
        certificates.read(certificate).public_key().public_numbers()
        == loaded.private.public_key().public_numbers()
    )
    assert certificates.fingerprint(certificates.read(certificate)) != certificates.fingerprint(
        certificates.read(other)
    )

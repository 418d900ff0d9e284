"""Certificates of a foreign authority, made with `cryptography`."""
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HOST_USAGE = x509.ObjectIdentifier("1.3.6.1.4.1.32473.1688.1")
HOST_SCOPE = x509.ObjectIdentifier("1.3.6.1.4.1.32473.1688.2")
PADDING = x509.ObjectIdentifier("1.3.6.1.4.1.32473.1688.99")
NOW = datetime.now(timezone.utc).replace(microsecond=0)
DAY = timedelta(days=1)


def name(text):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def utf8_strings(texts):
    """A DER SEQUENCE OF UTF8String."""

    def element(tag, content):
        size = len(content)
        if size < 0x80:
            length = bytes([size])
        else:
            digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
            length = bytes([0x80 | len(digits)]) + digits
        return bytes([tag]) + length + content

    return element(0x30, b"".join(element(0x0C, text.encode()) for text in texts))


def usage(*allowed):
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    ).split()
    return x509.KeyUsage(**{name: name in allowed for name in names})


class Entity:
    """A key and its certificate."""

    def __init__(self, subject, issuer, extensions, start=NOW - DAY, end=NOW + DAY, key=None):
        self.name, self.key = name(subject), key or Ed25519PrivateKey.generate()
        issuer = issuer or self
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(issuer.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        self.certificate = builder.sign(issuer.key, None)

    @property
    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self):
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def authority(subject, issuer=None, path_length=None, more=(), **times):
    basic = x509.BasicConstraints(ca=True, path_length=path_length)
    extensions = [(basic, True), (usage("key_cert_sign", "crl_sign"), True), *more]
    return Entity(subject, issuer, extensions, **times)


def host_extensions(groups):
    return {
        "basic": (x509.BasicConstraints(ca=False, path_length=None), True),
        "usage": (usage("digital_signature"), True),
        "purpose": (x509.ExtendedKeyUsage([HOST_USAGE]), False),
        "scope": (x509.UnrecognizedExtension(HOST_SCOPE, utf8_strings(groups)), False),
    }


def host(subject, issuer, groups, **changes):
    """A host's certificate; an extension named in `changes` is replaced, or left out when None."""
    times = {key: changes.pop(key) for key in ("start", "end", "key") if key in changes}
    extensions = host_extensions(groups) | changes
    present = [extension for extension in extensions.values() if extension]
    return Entity(subject, issuer, present, **times)


def padding(size):
    return (x509.UnrecognizedExtension(PADDING, bytes(size)), False)

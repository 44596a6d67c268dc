"""Certificates for tests of TLS, by openssl, as files of one directory."""

import subprocess


def _openssl(*args, **more):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, **more)


def authority(directory, name):
    """A key and a certificate to sign others with, as name.key and name.crt."""
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30, "-subj", f"/CN={name}",
             "-keyout", directory / f"{name}.key", "-out", directory / f"{name}.crt")


def certificate(directory, name, signer, dates=(), address="IP:127.0.0.1,DNS:localhost"):
    """A key and a certificate, signed by a signer there; dates are when it begins and ends. The address is a list of whom it
    is for, as OpenSSL writes alternative names."""
    key, request, made = (directory / f"{name}.{kind}" for kind in ("key", "csr", "crt"))
    extensions = directory / f"{name}.ext"
    extensions.write_text(f"subjectAltName={address}\n")
    _openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
             "-keyout", key, "-out", request)
    if not dates:
        _openssl("x509", "-req", "-in", request, "-CA", directory / f"{signer}.crt", "-CAkey", directory / f"{signer}.key",
                 "-CAcreateserial", "-days", 30, "-extfile", extensions, "-out", made)
        return
    config, index = directory / f"{name}.cnf", directory / f"{name}.index"
    index.touch()
    config.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={index}\nnew_certs_dir={directory}\nrand_serial=yes\ndefault_md=sha256\n"
                      "policy=p\n[p]\ncommonName=supplied\n")
    _openssl("ca", "-batch", "-config", config, "-cert", directory / f"{signer}.crt", "-keyfile", directory / f"{signer}.key",
             "-startdate", dates[0], "-enddate", dates[1], "-extfile", extensions, "-in", request, "-out", made)

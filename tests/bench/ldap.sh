#!/bin/sh
# LDAP logins of the connector against raw libldap, on a slapd of our own. Usage: ldap.sh RELEASE_BUILD_DIR RESULT.json
set -eu
fixture=$(dirname "$0")/../fixture/slapd
dir=$(mktemp -d)
trap '"$fixture" stop "$dir/slapd" || true; rm -rf "$dir"' EXIT
/usr/bin/python3 - >"$dir/users.ldif" <<'PYTHON'
import base64
import hashlib

print("dn: dc=example,dc=org\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n"
      "dn: ou=People,dc=example,dc=org\nobjectClass: organizationalUnit\nou: People\n")
for i in range(2000):
    salt = i.to_bytes(4, "big")
    ssha = base64.b64encode(hashlib.sha1(b"pw%d" % i + salt).digest() + salt).decode()
    print(f"dn: uid=user{i},ou=People,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: user{i}\ncn: User {i}\n"
          f"sn: {i}\nmail: user{i}@example.org\nuserPassword: {{SSHA}}{ssha}\n")
PYTHON
"$fixture" start "$dir/slapd" --rsa --san "DNS:localhost,DNS:$(hostname)" --ldif "$dir/users.ldif" >"$dir/where"
value() { sed -n "s/^$1=//p" "$dir/where"; }
"$1/tests/bench/connector/ldap_bench" "$(value ldap)" "$(value ldaps)" "$(value ca)" "$2"

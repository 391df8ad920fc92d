#!/bin/sh
# Certificates for tke-auth behind kube-apiserver, with openssl:  deploy/aggregation/certificates.sh FOLDER [NAME-OR-ADDRESS...]
# Makes in FOLDER a CA (ca.crt, ca.key), the server's certificate (tls.crt, tls.key), the one that kube-apiserver's webhooks show (webhook.crt,
# webhook.key) and the patch of the APIService (ca-bundle.yaml). Further names and addresses get into the server's certificate.
# Run again, it keeps the CA and makes the rest anew. Keep ca.key somewhere else.
set -eu
umask 077
[ $# -ge 1 ] || {
    echo "usage: certificates.sh FOLDER [NAME-OR-ADDRESS...]" >&2
    exit 2
}
folder=$1
shift
service=tke-auth-api namespace=tke days=825
mkdir -p "$folder"
cd "$folder"

names="DNS:$service,DNS:$service.$namespace,DNS:$service.$namespace.svc,IP:127.0.0.1"
for name in "$@"; do
    case $name in
    *:*) names=$names,IP:$name ;;
    *[!0-9.]*) names=$names,DNS:$name ;;
    *) names=$names,IP:$name ;;
    esac
done

new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

if [ ! -f ca.key ]; then
    new_key ca.key
    openssl req -x509 -new -key ca.key -days 3650 -subj "/CN=tke-auth CA" -addext "basicConstraints=critical,CA:TRUE,pathlen:0" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" -out ca.crt
fi

# issue NAME COMMON-NAME EXTENSIONS
issue() {
    new_key "$1.key"
    openssl req -new -key "$1.key" -subj "/CN=$2" -out "$1.csr"
    printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n%s\n' "$3" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days "$days" -extfile "$1.ext" -out "$1.crt" 2>/dev/null
    rm "$1.csr" "$1.ext"
}

issue tls "$service.$namespace.svc" "extendedKeyUsage=serverAuth
subjectAltName=$names"
issue webhook webhook "extendedKeyUsage=clientAuth"

cat >ca-bundle.yaml <<END
spec:
  caBundle: $(openssl base64 -A -in ca.crt)
END

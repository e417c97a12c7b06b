#!/bin/bash
# An authority, and a certificate of it for Elasticsearch; what is there already stays.
# Run in Elasticsearch's image, with the folders (volumes) that it is given, the first of which
# nobody else needs: AUTHORITY (with its key), CERTIFICATES (for Elasticsearch), TRUST (for clients).
set -euo pipefail
authority=$1 certificates=$2 trust=$3
temporary=$(mktemp -d)

if [ ! -f "$authority/ca/ca.crt" ]; then
  elasticsearch-certutil ca --silent --pem --days 3650 --out "$temporary/ca.zip"
  unzip -q "$temporary/ca.zip" -d "$authority"
fi
if [ ! -f "$certificates/elasticsearch/elasticsearch.crt" ]; then
  elasticsearch-certutil cert --silent --pem --days 1095 --name elasticsearch \
    --dns elasticsearch,localhost --ip 127.0.0.1 \
    --ca-cert "$authority/ca/ca.crt" --ca-key "$authority/ca/ca.key" --out "$temporary/cert.zip"
  unzip -q "$temporary/cert.zip" -d "$certificates"
fi
cp "$authority/ca/ca.crt" "$certificates/ca.crt"
cp "$authority/ca/ca.crt" "$trust/ca.crt"

# Elasticsearch runs as 1000:0, its clients as anybody.
chown -R 1000:0 "$certificates"
chmod -R u=rwX,g=rX,o= "$certificates"
chmod -R go= "$authority"
chmod 644 "$trust/ca.crt"
rm -r "$temporary"

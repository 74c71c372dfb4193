#!/bin/sh
# Installs the optional parts that some suites and benchmarks use, from Debian's packages. Safe to
# run again. A suite whose part is missing says so, and fails in CI.
set -eu
command -v apt-get >/dev/null || { echo "setup-optional: no apt-get here; install chromium, haproxy, nginx and caddy yourself" >&2; exit 1; }
missing=
for pair in chromium:chromium git:git python3:python3 faketime:faketime ip:iproute2 iptables:iptables openssl:openssl go:golang-go mariadbd:mariadb-server-core my_print_defaults:mariadb-client-core pt-online-schema-change:percona-toolkit; do
  command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
done
[ -x /usr/lib/postgresql/15/bin/postgres ] || missing="$missing postgresql-15"
if [ "${1:-}" = bench ]; then
  for pair in haproxy:haproxy nginx:nginx-light caddy:caddy wrk:wrk; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
  done
fi
[ -z "$missing" ] && { echo "setup-optional: everything is there"; exit 0; }
sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update -qq
# shellcheck disable=SC2086
# PostgreSQL 15 is wanted for its binaries; a cluster of its own would take a port and memory.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
  $sudo mkdir -p /etc/postgresql-common
  echo 'create_main_cluster = false' | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing

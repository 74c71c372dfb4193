#!/bin/sh
# The package as a stranger meets it: packed, installed elsewhere, and then "your own app in ten
# minutes" on a Node and a Python app, from the tarball alone, outside the checkout.
set -eu
checkout=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
chmod 755 "$work"
export HOLDFAST_CREDENTIALS="$work/credentials.json"
holdfast="$work/installed/node_modules/.bin/holdfast"
started=
finish() {
  [ -n "$started" ] && "$holdfast" down --data "$work/data" >/dev/null 2>&1
  rm -rf "$work"
}
trap finish EXIT

cd "$checkout"
PATH="$checkout/node_modules/.bin:$checkout/node_modules/node/bin:$PATH"
node tools/ensure-dashboard.ts
tarball=$(npm pack --silent --pack-destination "$work" | tail -n 1)
mkdir "$work/installed"
cd "$work/installed"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund "$work/$tarball"
node --input-type=module -e "import { createHoldfast } from 'holdfast/sdk'; createHoldfast({ signals: false })"
PATH="$checkout/node_modules/node/bin:$PATH"
# The grammar is WebAssembly beside the bundle: it must be found from there.
echo "ALTER TABLE orders ADD COLUMN note text;" > "$work/1_note.sql"
"$holdfast" migrate lint "$work/1_note.sql" | grep -q "0 findings"

ship() { # name port
  cd "$work/$1"
  git init -q -b main
  "$holdfast" init --port "$2"
  git add -A && git -c user.name=Test -c user.email=test@localhost commit -qm "Ship with Holdfast"
  "$holdfast" repo add "$1" .
  "$holdfast" run "$1" --watch --quiet
  tries=0
  until curl -fsS -m 2 "http://127.0.0.1:$2/" | grep -q "hello from $1"; do
    tries=$((tries + 1)); [ "$tries" -lt 50 ] || { echo "$1 does not answer" >&2; "$holdfast" status; exit 1; }
    sleep 0.2
  done
  echo "$1 serves on $2"
}

port() { node -e 'const s=require("net").createServer().listen(0,()=>{console.log(s.address().port);s.close()})'; }

mkdir "$work/nodeapp" "$work/pyapp"
cat > "$work/nodeapp/package.json" <<'J'
{ "name": "nodeapp", "version": "1.0.0", "scripts": { "start": "node server.js" } }
J
cat > "$work/nodeapp/server.js" <<'J'
require('node:http').createServer((_, answer) => answer.end('hello from nodeapp\n')).listen(process.env.PORT);
J
cat > "$work/pyapp/app.py" <<'P'
import http.server, os
class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"hello from pyapp\n")
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Hello).serve_forever()
P

"$holdfast" up --data "$work/data" --port "$(port)" --detach
started=yes
ship nodeapp "$(port)"
ship pyapp "$(port)"
"$holdfast" status
"$holdfast" doctor || true
"$holdfast" down --data "$work/data"
started=
